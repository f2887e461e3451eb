import type { PlanStore } from "../store.ts";
import { isOver, lowerSpan, type Bar, type Span } from "./bars.ts";
import { Camera } from "./camera.ts";
import { chainOf, pathOf } from "./chain.ts";
import type { ChartElements, ChartEvents, ChartSettings } from "./contract.ts";
import { drawFrame } from "./frame.ts";
import { listenTo } from "./gestures.ts";
import type { Command } from "./keys.ts";
import { AXIS_HEIGHT, barAt, layOut, LOWER_LANE, neighbour, ROW_HEIGHT, type Layout } from "./layout.ts";
import { rowsByMachine, rowsByOrder, type Arrangement } from "./rows.ts";
import { xOf } from "./scale.ts";
import type { Scene } from "./scene.ts";
import { isFading } from "./strokes.ts";
import { Surface } from "./surface.ts";

const HOUR = 3_600_000;
/** Around now there is always so much to see. */
const MARGIN = 10 * 60_000;
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
  readonly #ends: (() => void)[];
  #settings: ChartSettings;
  #layout: Layout = layOut([]);
  #laidOut: { version: number; arrangement: Arrangement } | null = null;
  #opened = false;
  #frame = 0;
  #hovered: number | null = null;
  #focused: number | null = null;
  #chosen: number | null = null;
  /** The order that was brought into sight, or chosen where it was in sight. */
  #revealed: string | null = null;
  #told: { id: number | null; pinned: boolean } = { id: null, pinned: false };

  constructor(store: PlanStore, elements: ChartElements, settings: ChartSettings, events: ChartEvents) {
    this.#store = store;
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
    if (settings.order === null) this.#chosen = null;
    this.#settings = settings;
    this.invalidate();
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
        camera.fit(this.#world());
        break;
      case "move":
        this.#focus(neighbour(this.#layout, this.#focused ?? this.#chosen, command.direction, Date.now()));
        break;
      case "choose":
        this.#choose(this.#store.bars.get(this.#focused ?? -1) ?? null);
        break;
      case "leave":
        this.#focused = this.#chosen = null;
        this.#events.onLeave();
        break;
    }
    this.invalidate();
  }

  /** Draw at the next refresh of the screen. */
  invalidate(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => { this.#draw(); });
  }

  #listen(): (() => void)[] {
    const { scroller, canvas } = this.#elements;
    const redraw = (): void => { this.invalidate(); };
    const restyle = (): void => {
      this.#surface.forget();
      this.invalidate();
    };
    const sizes = new ResizeObserver(redraw);
    sizes.observe(scroller);
    const theme = new MutationObserver(restyle);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    const clock = setInterval(redraw, 1_000);
    scroller.addEventListener("scroll", redraw, { passive: true });
    document.fonts.addEventListener("loadingdone", restyle);
    return [
      () => { sizes.disconnect(); },
      () => { theme.disconnect(); },
      () => { clearInterval(clock); },
      () => { scroller.removeEventListener("scroll", redraw); },
      () => { document.fonts.removeEventListener("loadingdone", restyle); },
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
        tap: (point) => {
          const bar = this.#at(point);
          this.#focused = null;
          if (bar === null) this.run({ kind: "leave" });
          else this.#choose(bar);
        },
      }),
    ];
  }

  get #labels(): number {
    return this.#surface.width < NARROW ? 112 : 212;
  }

  #at(point: { x: number; y: number } | null): Bar | null {
    if (point === null || point.x < this.#labels || point.y < AXIS_HEIGHT) return null;
    return barAt(this.#layout, this.#camera.view, point.x - this.#labels, point.y - AXIS_HEIGHT + this.#elements.scroller.scrollTop)?.bar ?? null;
  }

  #hover(point: { x: number; y: number } | null): void {
    const id = this.#at(point)?.id ?? null;
    if (id === this.#hovered) return;
    this.#hovered = id;
    this.#elements.canvas.style.cursor = id === null ? "" : "pointer";
    this.invalidate();
  }

  #focus(bar: Bar | null): void {
    if (bar === null) return;
    this.#focused = bar.id;
    this.#reveal(bar);
  }

  /** Bring a bar into sight, in time and among the rows. */
  #reveal(bar: Bar): void {
    const span = lowerSpan(bar);
    const place = this.#layout.places.get(bar.id);
    if (span !== null) this.#camera.reveal(span);
    if (place === undefined) return;
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
    const ahead = [...this.#store.bars.values()].filter((bar) => bar.view.order_number === order && !isOver(bar) && lowerSpan(bar) !== null);
    const spans = ahead.flatMap((bar) => lowerSpan(bar) ?? []);
    const next = ahead.sort((a, b) => (lowerSpan(a)?.from ?? 0) - (lowerSpan(b)?.from ?? 0))[0];
    if (next === undefined) return;
    this.#reveal(next);
    this.#camera.reveal({ from: Math.min(...spans.map((span) => span.from)), to: Math.max(...spans.map((span) => span.to)) });
  }

  #choose(bar: Bar | null): void {
    if (bar === null) return;
    this.#chosen = bar.id;
    this.#revealed = bar.view.order_number;
    this.#hovered = null;
    this.#events.onChoose(bar);
    this.invalidate();
  }

  /** What there is to see: all bars, and now. */
  #world(): Span {
    const now = Date.now();
    let [from, to] = [now, now];
    for (const bar of this.#store.bars.values()) {
      for (const span of [bar.planned, bar.projected]) {
        if (span === null) continue;
        from = Math.min(from, span.from);
        to = Math.max(to, span.to);
      }
    }
    return { from: Math.min(from, now - MARGIN), to: Math.max(to, now + MARGIN) };
  }

  /** Arrange the rows again when the store or the arrangement changed. */
  #arrange(): void {
    const { arrangement } = this.#settings;
    const { version, bars, machines } = this.#store;
    if (this.#laidOut?.version === version && this.#laidOut.arrangement === arrangement) return;
    this.#laidOut = { version, arrangement };
    this.#layout = layOut(arrangement === "machine" ? rowsByMachine(machines.values(), bars.values()) : rowsByOrder(bars.values()));
    const world = this.#world();
    this.#camera.setWorld(world);
    this.#elements.room.style.height = `${this.#layout.height + AXIS_HEIGHT}px`;
    if (!this.#opened && bars.size > 0) {
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
    const { order, colouring, zone, words } = this.#settings;
    const asked = this.#hovered ?? this.#focused;
    const path = order === null ? null : pathOf(order, bars);
    const chain = asked === null || !bars.has(asked) ? NONE : chainOf(asked, bars, successors).all;
    return {
      layout: this.#layout,
      view: this.#camera.view,
      top: this.#elements.scroller.scrollTop,
      width: this.#surface.width,
      height: this.#surface.height,
      labels: this.#labels,
      now: Date.now(),
      clock: performance.now(),
      frozenMs: head?.frozen_ms ?? 0,
      zone,
      colouring,
      families: this.#store.families,
      successors,
      lit: path === null || path.ids.size === 0 ? null : path.ids,
      chain: chain.size > 1 ? chain : NONE,
      links: path?.links ?? [],
      hovered: this.#hovered,
      focused: this.#focused,
      words,
    };
  }

  /** Tell which bar is in question, and keep its card beside it. */
  #tell(scene: Scene): void {
    const known = [this.#hovered, this.#focused, this.#chosen].find((id) => id !== null && this.#store.bars.has(id)) ?? null;
    const pinned = known !== null && known !== this.#hovered;
    if (known !== this.#told.id || pinned !== this.#told.pinned) {
      this.#told = { id: known, pinned };
      this.#events.onBar(known, pinned);
    }
    const { card } = this.#elements;
    const bar = known === null ? undefined : this.#store.bars.get(known);
    const span = bar === undefined ? null : lowerSpan(bar);
    const place = known === null ? undefined : scene.layout.places.get(known);
    if (span === null || place === undefined || this.#surface.width < NARROW) return;
    const left = scene.labels + Math.max(0, xOf(scene.view, span.from));
    const top = AXIS_HEIGHT + place.top - scene.top + LOWER_LANE.top + LOWER_LANE.height;
    const x = Math.max(scene.labels, Math.min(left, this.#surface.width - card.offsetWidth - 12));
    const below = top + 8 + card.offsetHeight <= this.#surface.height;
    const y = below ? top + 8 : Math.max(AXIS_HEIGHT, top - ROW_HEIGHT - card.offsetHeight + 8);
    card.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }
}
