import type { PlanStore } from "../store.ts";
import { Arranged } from "./arranged.ts";
import { Attention, besideBar } from "./attention.ts";
import { lowerSpan, type Bar } from "./bars.ts";
import { Camera } from "./camera.ts";
import { Carrying, type Ground } from "./carrying.ts";
import { chainOf, pathOf } from "./chain.ts";
import type { ChartElements, ChartEvents, ChartSettings, Point, Question } from "./contract.ts";
import { drawFrame } from "./frame.ts";
import { listenTo } from "./gestures.ts";
import type { Command } from "./keys.ts";
import { AXIS_HEIGHT, barAt, neighbour, ROW_HEIGHT, type Placed } from "./layout.ts";
import { timeAt } from "./scale.ts";
import type { Scene } from "./scene.ts";
import { isFading } from "./strokes.ts";
import { Surface } from "./surface.ts";
import { watch } from "./watching.ts";

const HOUR = 3_600_000;
const NARROW = 640;
const PAN_SHARE = 0.1;
const ZOOM_STEP = 1.4;
const NONE: ReadonlySet<number> = new Set();

/** The chart: draws a store on a canvas, at most once per screen refresh, and only when something changed. */
export class Chart {
  readonly #store: PlanStore;
  readonly #elements: ChartElements;
  readonly #events: ChartEvents;
  readonly #camera = new Camera(Date.now());
  readonly #surface: Surface;
  readonly #carrying = new Carrying();
  readonly #arranged: Arranged;
  readonly #attention = new Attention();
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #ends: readonly (() => void)[];
  #settings: ChartSettings;
  #opened = false;
  #frame = 0;
  /** The order that was brought into sight, or chosen where it was in sight. */
  #revealed: string | null = null;

  constructor(store: PlanStore, elements: ChartElements, settings: ChartSettings, events: ChartEvents) {
    this.#store = store;
    this.#arranged = new Arranged(store);
    this.#elements = elements;
    this.#surface = new Surface(elements.canvas, elements.scroller);
    this.#settings = settings;
    this.#events = events;
    this.#ends = this.#listen();
    this.invalidate();
  }

  destroy(): void {
    cancelAnimationFrame(this.#frame);
    this.#ends.forEach((end) => { end(); });
  }

  set(settings: ChartSettings): void {
    if (settings.arrangement !== this.#settings.arrangement) this.#elements.scroller.scrollTop = 0;
    if (settings.order === null && this.#settings.order !== null) this.#attention.chosen = null;
    this.#settings = settings;
    this.invalidate();
  }

  /** Whether an operation is in hand: keys carry it then. */
  get holding(): boolean {
    return this.#carrying.held !== null;
  }

  run(command: Command): void {
    const camera = this.#camera;
    switch (command.kind) {
      case "pan":
        if (command.x !== 0) camera.panBy(command.x * PAN_SHARE * camera.view.width);
        this.#elements.scroller.scrollTop += command.y * ROW_HEIGHT;
        break;
      case "zoom":
        camera.zoomBy(command.closer ? 1 / ZOOM_STEP : ZOOM_STEP, camera.view.width / 2);
        break;
      case "now":
        camera.toNow(Date.now());
        break;
      case "fit":
        camera.fit(this.#arranged.world(Date.now()));
        break;
      case "move":
        this.#focus((this.#inQuestion() === null ? this.#nextOf(this.#settings.order) : null) ?? neighbour(this.#arranged.layout, this.#attention.asked, command.direction, Date.now()));
        break;
      case "choose":
        this.#choose(this.#store.bars.get(this.#attention.focused ?? -1) ?? null);
        break;
      case "leave":
        this.#attention.leave();
        this.#events.onLeave();
        break;
      case "grab":
        if (!this.#take(this.#inQuestion(), null)) this.#ask(this.#inQuestion(), "stuck");
        break;
      case "carry":
        this.#carrying.step(command.direction, command.far, this.#arranged.machines());
        this.#showHeld();
        break;
      case "drop":
      case "put_back":
        this.#letGo(command.kind === "drop");
        break;
      case "undo":
        this.#events.onUndo();
        break;
      case "menu":
      case "lock":
      case "why":
        this.#ask(this.#inQuestion(), command.kind);
        break;
    }
    this.invalidate();
  }

  /** The bar that the keyboard is on, or that was chosen. */
  #inQuestion(): Bar | null {
    return this.#store.bars.get(this.#attention.asked ?? -1) ?? null;
  }

  #ask(bar: Bar | null, what: Question): void {
    if (bar === null) return;
    this.#attention.chosen = bar.id;
    this.#attention.hovered = null;
    this.#events.onAsk(bar, what);
    this.invalidate();
  }

  #take(bar: Bar | null, at: number | null): boolean {
    if (bar === null || !this.#settings.movable || !this.#carrying.take(bar, at)) return false;
    this.#attention.hovered = null;
    this.#events.onHeld(this.#carrying.held);
    this.invalidate();
    return true;
  }

  #letGo(kept: boolean): void {
    const held = this.#carrying.open();
    this.#events.onHeld(null);
    if (kept && held !== null) this.#events.onDrop(held);
    this.invalidate();
  }

  /** What is carried by keys stays in sight. */
  #showHeld(): void {
    const { held } = this.#carrying;
    if (held === null) return;
    this.#camera.reveal({ from: held.start, to: held.start + held.length });
    const place = this.#arranged.layout.rows.get(held.machine);
    if (place !== undefined) this.#scrollTo(place);
    this.#events.onHeld(held);
  }

  get #ground(): Ground {
    const window = { left: this.#labels, top: AXIS_HEIGHT, right: this.#surface.width, bottom: this.#surface.height };
    return { camera: this.#camera, layout: this.#arranged.layout, scroller: this.#elements.scroller, window };
  }

  /** Draw at the next refresh of the screen. */
  invalidate(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => { this.#draw(); });
  }

  #listen(): (() => void)[] {
    const { scroller, canvas } = this.#elements;
    const redraw = (): void => { this.invalidate(); };
    return [
      watch(this.#elements, redraw, () => { this.#surface.forget(); }),
      this.#store.subscribe(redraw),
      listenTo(canvas, {
        labels: () => this.#labels,
        drag: (x, y) => {
          if (x !== 0) this.#camera.panBy(x);
          scroller.scrollTop += y;
          this.invalidate();
        },
        zoom: (factor, x) => {
          this.#camera.zoomBy(factor, Math.max(0, x - this.#labels));
          this.invalidate();
        },
        hover: (point) => { this.#hover(point); },
        grab: (point) => this.#take(this.#at(point), timeAt(this.#camera.view, point.x - this.#labels)),
        carry: (point) => {
          this.#carrying.carry(point, this.#ground);
          this.#events.onHeld(this.#carrying.held);
          this.invalidate();
        },
        release: (kept) => { this.#letGo(kept); },
        menu: (point) => { this.#ask(this.#at(point), "menu"); },
        tap: (point) => {
          const bar = this.#at(point);
          this.#attention.focused = null;
          if (bar === null) this.run({ kind: "leave" });
          else this.#choose(bar);
        },
      }),
    ];
  }

  get #labels(): number {
    return this.#surface.width < NARROW ? 112 : 212;
  }

  #at(point: Point | null): Bar | null {
    if (point === null || point.x < this.#labels || point.y < AXIS_HEIGHT) return null;
    const found = barAt(this.#arranged.layout, this.#camera.view, point.x - this.#labels, point.y - AXIS_HEIGHT + this.#elements.scroller.scrollTop)?.bar;
    // What is drawn may stand for more, or for a part of it only.
    return this.#store.bars.get(found?.id ?? -1) ?? null;
  }

  #hover(point: Point | null): void {
    const id = this.#at(point)?.id ?? null;
    if (id === this.#attention.hovered) return;
    this.#attention.hovered = id;
    this.#elements.canvas.style.cursor = id === null ? "" : "pointer";
    this.invalidate();
  }

  #focus(bar: Bar | null): void {
    if (bar === null) return;
    this.#attention.focused = bar.id;
    this.#reveal(bar);
  }

  /** Bring a bar into sight, in time and among the rows. */
  #reveal(bar: Bar): void {
    const span = lowerSpan(bar);
    const place = this.#arranged.layout.places.get(bar.id);
    if (span !== null) this.#camera.reveal(span);
    if (place !== undefined) this.#scrollTo(place);
  }

  #scrollTo(place: Placed): void {
    const { scroller } = this.#elements;
    const bottom = place.top + place.height - (this.#surface.height - AXIS_HEIGHT);
    if (scroller.scrollTop > place.top) scroller.scrollTop = place.top;
    else if (scroller.scrollTop < bottom) scroller.scrollTop = bottom;
  }

  /** An order that was asked for from elsewhere: its next operation comes into sight, once. */
  #revealOrder(): void {
    const { order } = this.#settings;
    if (order === this.#revealed || this.#store.bars.size === 0) return;
    this.#revealed = order;
    const spans = this.#arranged.ahead(order).flatMap((bar) => lowerSpan(bar) ?? []);
    const next = this.#nextOf(order);
    if (next === null) return;
    this.#reveal(next);
    this.#camera.reveal({ from: Math.min(...spans.map((span) => span.from)), to: Math.max(...spans.map((span) => span.to)) });
  }

  #nextOf(order: string | null): Bar | null {
    return this.#arranged.ahead(order)[0] ?? null;
  }

  #choose(bar: Bar | null): void {
    if (bar === null) return;
    this.#attention.chosen = bar.id;
    this.#revealed = bar.view.order_number;
    this.#attention.hovered = null;
    this.#events.onChoose(bar);
    this.invalidate();
  }

  /** Arrange the rows again when the store or the arrangement changed. */
  #arrange(): void {
    if (!this.#arranged.update(this.#settings.arrangement)) return;
    const world = this.#arranged.world(Date.now());
    this.#camera.setWorld(world);
    this.#elements.room.style.height = `${this.#arranged.layout.height + AXIS_HEIGHT}px`;
    if (!this.#opened && this.#store.bars.size > 0) {
      this.#opened = true;
      this.#camera.open(Date.now(), world.to, (this.#surface.width < NARROW ? 5 : 14) * HOUR);
    }
  }

  #draw(): void {
    this.#frame = 0;
    const brush = this.#surface.brush();
    if (brush === null) return;
    this.#camera.resize(this.#surface.width - this.#labels);
    this.#arrange();
    this.#camera.follow(Date.now());
    this.#revealOrder();
    if (this.#carrying.pull(this.#ground)) {
      this.#events.onHeld(this.#carrying.held);
      this.invalidate();
    }
    const scene = this.#scene();
    drawFrame(brush, scene);
    this.#tell(scene);
    for (const bar of this.#store.bars.values()) {
      if (isFading(bar, scene.clock)) {
        this.invalidate();
        break;
      }
    }
  }

  #scene(): Scene {
    const { bars, successors, head } = this.#store;
    const { order, colouring, zone, words, ghosts, onHold } = this.#settings;
    const { held } = this.#carrying;
    const carried = held === null ? undefined : bars.get(held.id);
    const { hovered, focused } = this.#attention;
    const asked = hovered ?? focused;
    const path = order === null ? null : pathOf(order, bars);
    const chain = asked === null || !bars.has(asked) ? NONE : chainOf(asked, bars, successors).all;
    return {
      layout: this.#arranged.layout,
      view: this.#camera.view,
      top: this.#elements.scroller.scrollTop,
      width: this.#surface.width,
      height: this.#surface.height,
      labels: this.#labels,
      now: Date.now(),
      clock: performance.now(),
      still: this.#still.matches,
      frozenMs: head?.frozen_ms ?? 0,
      zone,
      colouring,
      families: this.#store.families,
      bars,
      successors,
      lit: path === null || path.ids.size === 0 ? null : path.ids,
      chain: chain.size > 1 ? chain : NONE,
      links: path?.links ?? [],
      hovered,
      focused,
      ghosts,
      held: held === null || carried === undefined ? null : { at: held, bar: carried },
      onHold,
      words,
    };
  }

  /** Tell which bar is in question, and keep its card beside it. */
  #tell(scene: Scene): void {
    const known = this.#attention.known((id) => this.#store.bars.has(id));
    if (this.#attention.isNews(known)) this.#events.onBar(known.id, known.pinned);
    const { card } = this.#elements;
    const bar = known.id === null ? undefined : this.#store.bars.get(known.id);
    if (bar === undefined || this.#surface.width < NARROW) return;
    const place = besideBar(scene, bar, { width: card.offsetWidth, height: card.offsetHeight });
    if (place !== null) card.style.transform = `translate(${Math.round(place.x)}px, ${Math.round(place.y)}px)`;
  }
}
