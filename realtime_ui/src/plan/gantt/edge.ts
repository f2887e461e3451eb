import type { Point } from "./contract.ts";

/** So near to the chart's edge what is carried pulls it along. */
const REACH = 44;
/** At the very edge, in pixels a second. */
const FASTEST = 900;

/** What is to be seen of the rows: without labels and time axis. */
export interface Window {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

function pull(at: number, least: number, most: number): number {
  // Where there is little room, most of it is still for carrying.
  const reach = Math.min(REACH, (most - least) / 4);
  if (reach <= 0) return 0;
  if (at < least + reach) return -Math.min(1, (least + reach - at) / reach);
  return at > most - reach ? Math.min(1, (at - (most - reach)) / reach) : 0;
}

/** How fast the chart moves under what is carried to its edge, in pixels a second. */
export function pullOf(point: Point, window: Window): Point {
  const fast = (share: number): number => Math.sign(share) * share * share * FASTEST;
  return { x: fast(pull(point.x, window.left, window.right)), y: fast(pull(point.y, window.top, window.bottom)) };
}
