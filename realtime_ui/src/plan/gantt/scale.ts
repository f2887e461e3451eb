import { offsetAt } from "../../orders/dates.ts";
import type { Span } from "./bars.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** From a minute to a month fits into the width. */
export const SHORTEST = MINUTE;
export const LONGEST = 31 * DAY;

/** How a stretch of time lies on a stretch of the screen. */
export interface View extends Span {
  width: number;
}

export function xOf(view: View, at: number): number {
  return ((at - view.from) / (view.to - view.from)) * view.width;
}

export function timeAt(view: View, x: number): number {
  return view.from + (x / view.width) * (view.to - view.from);
}

/** Keep within what there is to see, with a screen to spare on both sides. */
export function confine(span: Span, world: Span): Span {
  const length = span.to - span.from;
  const from = Math.min(Math.max(span.from, world.from - length), world.to);
  return { from, to: from + length };
}

/** Zoom by a factor (below 1 is closer), so that the moment under `x` stays there. */
export function zoom(view: View, factor: number, x: number): Span {
  const length = Math.min(LONGEST, Math.max(SHORTEST, (view.to - view.from) * factor));
  const at = timeAt(view, x);
  const from = at - (x / view.width) * length;
  return { from, to: from + length };
}

export function pan(view: View, pixels: number): Span {
  const by = (pixels / view.width) * (view.to - view.from);
  return { from: view.from + by, to: view.to + by };
}

const STEPS = [5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY];
/** 1 January 1970 was a Thursday: weeks begin on Mondays. */
const FIRST_MONDAY = 4 * DAY;

export interface Ticks {
  step: number;
  /** Where the fine scale is marked. */
  minor: readonly number[];
  /** Where a day begins (a month, when the fine scale counts days). */
  major: readonly number[];
}

/** The instant at which the zone's clock shows `local` (a moment written as if in UTC). */
function instantAt(local: number, zone: string): number {
  return local - offsetAt(local - offsetAt(local, zone), zone);
}

function marks(view: View, step: number, zone: string): number[] {
  const origin = step === 7 * DAY ? FIRST_MONDAY : 0;
  const first = Math.floor((view.from + offsetAt(view.from, zone) - origin) / step) * step + origin;
  const found: number[] = [];
  for (let local = first; ; local += step) {
    const at = instantAt(local, zone);
    if (at > view.to) return found;
    // A clock that is put back shows an hour twice, one that is put forward skips it.
    if (at >= view.from && at > (found.at(-1) ?? Number.NEGATIVE_INFINITY)) found.push(at);
  }
}

function months(view: View, zone: string): number[] {
  const start = new Date(view.from + offsetAt(view.from, zone));
  const found: number[] = [];
  for (let month = start.getUTCMonth(); ; month += 1) {
    const at = instantAt(Date.UTC(start.getUTCFullYear(), month, 1), zone);
    if (at > view.to) return found;
    if (at >= view.from) found.push(at);
  }
}

/** Marks of the time axis on the zone's clock, at least `room` pixels apart. */
export function ticksOf(view: View, zone: string, room: number): Ticks {
  const perPixel = (view.to - view.from) / view.width;
  const step = STEPS.find((each) => each / perPixel >= room) ?? 7 * DAY;
  return { step, minor: marks(view, step, zone), major: step < DAY ? marks(view, DAY, zone) : months(view, zone) };
}
