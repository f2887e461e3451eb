import type { PlanStore } from "../store.ts";
import { lowerSpan, type Bar, type Span } from "./bars.ts";
import { Brush } from "./brush.ts";
import { Camera } from "./camera.ts";
import { chainOf, pathOf } from "./chain.ts";
import { drawFrame } from "./frame.ts";
import { listenTo } from "./gestures.ts";
import type { Command } from "./keys.ts";
import { AXIS_HEIGHT, barAt, layOut, LOWER_LANE, neighbour, ROW_HEIGHT, type Layout } from "./layout.ts";
import { readPalette } from "./palette.ts";
import { rowsByMachine, rowsByOrder, type Arrangement } from "./rows.ts";
import { xOf } from "./scale.ts";
import type { ChartWords, Colouring, Scene } from "./scene.ts";
import { isFading } from "./strokes.ts";

const HOUR = 3_600_000;
/** Around now there is always so much to see. */
const MARGIN = 10 * 60_000;
const NARROW = 640;
const PAN_SHARE = 0.1;
const ZOOM_STEP = 1.4;
const NONE: ReadonlySet<number> = new Set();

/** How the chart is shown; a new object for each change. */
export interface ChartSettings {
  arrangement: Arrangement;
  colouring: Colouring;
  zone: string;
  words: ChartWords;
  /** The order whose path is lit. */
  order: string | null;
}

export interface ChartElements {
  /** Scrolls over `room`, which is as high as all rows; the canvas in it sticks to the top. */
  scroller: HTMLElement;
  canvas: HTMLCanvasElement;
  room: HTMLElement;
  /** What is told of the bar in question; the chart keeps it beside the bar. */
  card: HTMLElement;
}

export interface ChartEvents {
  /** The bar in question changed: under the pointer, under the keyboard, or chosen. */
  onBar: (id: number | null, pinned: boolean) => void;
  onChoose: (bar: Bar) => void;
  onLeave: () => void;
}

/** The chart: draws a store on a canvas, at most once per screen refresh, and only when something changed. */
export class Chart {
  readonly #store: PlanStore;
  readonly #elements: ChartElements;
  readonly #events: ChartEvents;
  readonly #camera = new Camera(Date.now());
  readonly #ends: (() => void)[];
  #settings: ChartSettings;
  #brush: Brush | null = null;
  #scale = 1;
  #width = 0;
  #height = 0;
  #layout: Layout = layOut([]);
  #laidOut: { version: number; arrangement: Arrangement } | null = null;
  #opened = false;
  #frame = 0;
  #hovered: number | null = null;
  #focused: number | null = null;
  #chosen: number | null = null;
  #told: { id: number | null; pinned: boolean } = { id: null, pinned: false };

  constructor(store: PlanStore, elements: ChartElements, settings: ChartSettings, events: ChartEvents) {
    this.#store = store;
    this.#elements = elements;
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
      this.#brush = null;
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
    return this.#width < NARROW ? 112 : 212;
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
    const span = lowerSpan(bar);
    const place = this.#layout.places.get(bar.id);
    if (span !== null) this.#camera.reveal(span);
    if (place === undefined) return;
    const { scroller } = this.#elements;
    const bottom = place.top + place.height - (this.#height - AXIS_HEIGHT);
    if (scroller.scrollTop > place.top) scroller.scrollTop = place.top;
    else if (scroller.scrollTop < bottom) scroller.scrollTop = bottom;
  }

  #choose(bar: Bar | null): void {
    if (bar === null) return;
    this.#chosen = bar.id;
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
      this.#camera.open(Date.now(), world.to, (this.#width < NARROW ? 5 : 14) * HOUR);
    }
  }

  /** Fit the canvas into its place, with a device pixel for each of the screen's. */
  #size(): CanvasRenderingContext2D | null {
    const { scroller, canvas } = this.#elements;
    const [width, height, scale] = [scroller.clientWidth, scroller.clientHeight, devicePixelRatio];
    const context = canvas.getContext("2d", { alpha: false });
    if (context === null || width === 0 || height === 0) return null;
    if (width !== this.#width || height !== this.#height || scale !== this.#scale || this.#brush === null) {
      [this.#width, this.#height, this.#scale] = [width, height, scale];
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      this.#brush = new Brush(context, readPalette(), scale);
    }
    this.#camera.resize(width - this.#labels);
    return context;
  }

  #draw(): void {
    this.#frame = 0;
    const context = this.#size();
    if (context === null || this.#brush === null) return;
    this.#arrange();
    this.#camera.follow(Date.now());
    const scene = this.#scene();
    context.setTransform(this.#scale, 0, 0, this.#scale, 0, 0);
    drawFrame(this.#brush, scene);
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
      width: this.#width,
      height: this.#height,
      labels: this.#labels,
      scale: this.#scale,
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
    if (span === null || place === undefined || this.#width < NARROW) return;
    const left = scene.labels + Math.max(0, xOf(scene.view, span.from));
    const top = AXIS_HEIGHT + place.top - scene.top + LOWER_LANE.top + LOWER_LANE.height;
    const x = Math.max(scene.labels, Math.min(left, this.#width - card.offsetWidth - 12));
    const below = top + 8 + card.offsetHeight <= this.#height;
    const y = below ? top + 8 : Math.max(AXIS_HEIGHT, top - ROW_HEIGHT - card.offsetHeight + 8);
    card.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }
}
