import { hasStarted, type Bar } from "./bars.ts";
import type { Direction } from "./layout.ts";

const MINUTE = 60_000;
/** By so much an arrow key moves what is in hand; with Shift by an hour. */
const STEP = 5 * MINUTE;
const FAR = 60 * MINUTE;

/** An operation in hand: where it would be put. Times are epoch milliseconds. */
export interface Held {
  id: number;
  machine: string;
  start: number;
  /** Working and waiting, as the published plan has it. */
  length: number;
  /** Where it was taken from. */
  from: { machine: string; start: number };
}

/** What has not begun and has a place can be put elsewhere. */
export function mayMove(bar: Bar): boolean {
  return bar.planned !== null && bar.view.machine !== null && !hasStarted(bar);
}

/** Whole minutes, and never before now: the past cannot be planned. */
function placed(start: number, now: number): number {
  return Math.max(Math.round(start / MINUTE), Math.ceil(now / MINUTE)) * MINUTE;
}

/** The planner's hand: holds at most one operation until it is put somewhere, or back. */
export class Hand {
  #held: Held | null = null;
  /** How far behind its start it was taken. */
  #grip = 0;

  get held(): Held | null {
    return this.#held;
  }

  /** Take an operation, by the moment `at` (none: by its start). Returns whether it can be moved. */
  take(bar: Bar, at: number | null): boolean {
    if (!mayMove(bar) || bar.planned === null || bar.view.machine === null) return false;
    const { from, to } = bar.planned;
    this.#grip = at === null ? 0 : at - from;
    this.#held = { id: bar.id, machine: bar.view.machine, start: from, length: to - from, from: { machine: bar.view.machine, start: from } };
    return true;
  }

  /** The pointer is over a moment, and over a machine's row (none: it stays on its machine). */
  carry(machine: string | null, at: number, now: number): void {
    if (this.#held === null) return;
    this.#held = { ...this.#held, machine: machine ?? this.#held.machine, start: placed(at - this.#grip, now) };
  }

  /** A step by an arrow key: along time, or to the next of `machines`. */
  step(direction: Direction, far: boolean, machines: readonly string[], now: number): void {
    const held = this.#held;
    if (held === null) return;
    if (direction === "left" || direction === "right") {
      const by = (far ? FAR : STEP) * (direction === "left" ? -1 : 1);
      this.#held = { ...held, start: placed(held.start + by, now) };
      return;
    }
    const next = machines[machines.indexOf(held.machine) + (direction === "up" ? -1 : 1)];
    if (next !== undefined) this.#held = { ...held, machine: next };
  }

  /** Let go. Returns what was held if that is elsewhere than it came from. */
  open(): Held | null {
    const held = this.#held;
    this.#held = null;
    return held === null || (held.machine === held.from.machine && held.start === held.from.start) ? null : held;
  }
}
