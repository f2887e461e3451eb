import type { Bar } from "./bars.ts";
import type { Camera } from "./camera.ts";
import type { Point } from "./contract.ts";
import { pullOf, type Window } from "./edge.ts";
import { Hand, type Held } from "./hand.ts";
import { itemAt, type Direction, type Layout } from "./layout.ts";
import { timeAt } from "./scale.ts";

/** Frames further apart than this do not make the chart jump. */
const LONGEST_FRAME_MS = 50;

/** Where the chart is under the pointer. */
export interface Ground {
  camera: Camera;
  layout: Layout;
  scroller: HTMLElement;
  window: Window;
}

/** What is in hand, and where the pointer carries it: at its edge the chart moves along. */
export class Carrying {
  readonly #hand = new Hand();
  #point: Point | null = null;
  #movedAt = 0;

  get held(): Held | null {
    return this.#hand.held;
  }

  /** Take a bar by the moment `at` (none: by its start). Returns whether it can be moved. */
  take(bar: Bar, at: number | null): boolean {
    this.#point = null;
    return this.#hand.take(bar, at);
  }

  /** A step by an arrow key. */
  step(direction: Direction, far: boolean, machines: readonly string[]): void {
    this.#hand.step(direction, far, machines, Date.now());
  }

  /** The pointer is here with it. */
  carry(point: Point, ground: Ground): void {
    const { camera, layout, scroller, window } = ground;
    if (this.#point === null) this.#movedAt = performance.now();
    this.#point = point;
    const item = layout.items[itemAt(layout, point.y - window.top + scroller.scrollTop)];
    this.#hand.carry(item?.row?.machine?.view.machine ?? null, timeAt(camera.view, point.x - window.left), Date.now());
  }

  /** As long as the pointer stays at the edge the chart moves under it. Returns whether it did. */
  pull(ground: Ground): boolean {
    if (this.#point === null || this.held === null) return false;
    const now = performance.now();
    const seconds = Math.min(LONGEST_FRAME_MS, now - this.#movedAt) / 1_000;
    this.#movedAt = now;
    const fast = pullOf(this.#point, ground.window);
    if (fast.x === 0 && fast.y === 0) return false;
    if (fast.x !== 0) ground.camera.panBy(fast.x * seconds);
    ground.scroller.scrollTop += fast.y * seconds;
    this.carry(this.#point, ground);
    return true;
  }

  /** Let go. Returns what was held if that is elsewhere than it came from. */
  open(): Held | null {
    this.#point = null;
    return this.#hand.open();
  }
}
