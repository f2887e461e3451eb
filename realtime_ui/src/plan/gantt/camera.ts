import { confine, LONGEST, pan, zoom, type View } from "./scale.ts";
import type { Span } from "./bars.ts";

/** Now stands at this share of the width. */
const NOW_AT = 0.12;
const HOUR = 3_600_000;
/** Who looks for all there is does not want a single minute of it to fill the screen. */
const LEAST = HOUR / 4;

/** Which stretch of time is in sight. It goes along with now until somebody looks elsewhere. */
export class Camera {
  #span: Span;
  #width = 1;
  #world: Span;
  #following = true;

  constructor(now: number) {
    this.#world = { from: now, to: now + HOUR };
    this.#span = { from: now - NOW_AT * 8 * HOUR, to: now + (1 - NOW_AT) * 8 * HOUR };
  }

  get view(): View {
    return { ...this.#span, width: this.#width };
  }

  get following(): boolean {
    return this.#following;
  }

  /** Returns whether anything changed. */
  resize(width: number): boolean {
    if (width === this.#width) return false;
    this.#width = Math.max(1, width);
    return true;
  }

  /** What there is to see: nobody gets lost beyond it. */
  setWorld(world: Span): void {
    this.#world = world;
  }

  /** Let time pass; the view moves along by whole pixels. Returns whether it did. */
  follow(now: number): boolean {
    if (!this.#following) return false;
    const length = this.#span.to - this.#span.from;
    const from = now - NOW_AT * length;
    if (Math.abs(from - this.#span.from) < length / this.#width) return false;
    this.#span = { from, to: from + length };
    return true;
  }

  toNow(now: number): void {
    this.#following = true;
    const length = this.#span.to - this.#span.from;
    this.#span = { from: now - NOW_AT * length, to: now + (1 - NOW_AT) * length };
  }

  /** So much of what lies ahead that all open work is in sight, if that is not more than `longest`. */
  open(now: number, end: number, longest: number): void {
    const length = Math.min(longest, Math.max(LEAST, (end - now) * 1.25));
    this.#span = { from: now - NOW_AT * length, to: now + (1 - NOW_AT) * length };
    this.#following = true;
  }

  fit(span: Span): void {
    const length = Math.min(LONGEST, Math.max(LEAST, (span.to - span.from) * 1.06));
    const middle = (span.from + span.to) / 2;
    this.#look({ from: middle - length / 2, to: middle + length / 2 });
  }

  zoomBy(factor: number, x: number): void {
    this.#look(zoom(this.view, factor, x));
  }

  panBy(pixels: number): void {
    this.#look(pan(this.view, pixels));
  }

  /** Bring a span into sight, moving no more than that takes; of a longer one its beginning. */
  reveal(span: Span): void {
    const length = this.#span.to - this.#span.from;
    const margin = length * 0.05;
    if (span.from >= this.#span.from && span.to <= this.#span.to) return;
    const from = span.from < this.#span.from ? span.from - margin : Math.min(span.from - margin, span.to + margin - length);
    this.#look({ from, to: from + length });
  }

  #look(span: Span): void {
    this.#span = confine(span, this.#world);
    this.#following = false;
  }
}
