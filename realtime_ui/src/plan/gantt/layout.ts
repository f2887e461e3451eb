import { lowerSpan, type Bar } from "./bars.ts";
import type { Group, Row } from "./rows.ts";
import { xOf, type View } from "./scale.ts";

export const AXIS_HEIGHT = 48;
export const GROUP_HEIGHT = 28;
export const ROW_HEIGHT = 48;
/** Within a row: the plan above, what really happens below it. */
export const PLAN_LANE = { top: 6, height: 10 } as const;
export const LOWER_LANE = { top: 19, height: 23 } as const;
/** A bar is as wide as can be hit and seen, however short it lasts. */
export const NARROWEST = 3;
const REACH = 4;

export interface Placed {
  top: number;
  height: number;
  group: Group | null;
  row: Row | null;
}

export interface Layout {
  items: readonly Placed[];
  height: number;
  /** By operation: the row in which its lower half is drawn. */
  places: ReadonlyMap<number, Placed>;
  /** By the rows' keys. */
  rows: ReadonlyMap<string, Placed>;
}

/** Rows under their groups' headings, from the top. */
export function layOut(groups: readonly Group[]): Layout {
  const items: Placed[] = [];
  const places = new Map<number, Placed>();
  const rows = new Map<string, Placed>();
  let top = 0;
  for (const group of groups) {
    if (group.label !== "") {
      items.push({ top, height: GROUP_HEIGHT, group, row: null });
      top += GROUP_HEIGHT;
    }
    for (const row of group.rows) {
      const placed = { top, height: ROW_HEIGHT, group: null, row };
      items.push(placed);
      rows.set(row.key, placed);
      for (const bar of row.lower) for (const each of bar.batch ?? [bar]) places.set(each.id, placed);
      top += ROW_HEIGHT;
    }
  }
  return { items, height: top, places, rows };
}

/** The place of the last item that begins at or above `y`; -1 above all. */
export function itemAt(layout: Layout, y: number): number {
  let [low, high] = [0, layout.items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((layout.items[middle]?.top ?? 0) <= y) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function visibleItems(layout: Layout, top: number, height: number): readonly Placed[] {
  const first = Math.max(0, itemAt(layout, top));
  return layout.items.slice(first, itemAt(layout, top + height) + 1);
}

/** The bar of a lane that is nearest to `x`, if one is within reach. */
function nearest(bars: readonly Bar[], edges: (bar: Bar) => { from: number; to: number } | null, view: View, x: number): Bar | null {
  let best: Bar | null = null;
  let least = REACH + 1;
  for (const bar of bars) {
    const span = edges(bar);
    if (span === null) continue;
    const left = xOf(view, span.from);
    const right = Math.max(left + NARROWEST, xOf(view, span.to));
    const away = x < left ? left - x : x > right ? x - right : 0;
    if (away < least) {
      best = bar;
      least = away;
    }
    if (left > x + REACH) break;
  }
  return best;
}

/** What is under a point of the chart's content (`y` from the top of the first row), if anything. */
export function barAt(layout: Layout, view: View, x: number, y: number): { bar: Bar; row: Row } | null {
  const item = layout.items[itemAt(layout, y)];
  if (item?.row == null || y >= item.top + item.height) return null;
  const within = y - item.top;
  const upper = within < (PLAN_LANE.top + PLAN_LANE.height + LOWER_LANE.top) / 2;
  const planned = (bar: Bar): { from: number; to: number } | null => (bar.planned === null ? null : { from: Math.min(bar.setupFrom ?? bar.planned.from, bar.planned.from), to: bar.planned.to });
  const bar = upper ? nearest(item.row.planned, planned, view, x) : nearest(item.row.lower, lowerSpan, view, x);
  return bar === null ? null : { bar, row: item.row };
}

export type Direction = "left" | "right" | "up" | "down";

/** The next bar for the keyboard: along the row, or in the next row that has one, nearest in time. */
export function neighbour(layout: Layout, id: number | null, direction: Direction, near: number): Bar | null {
  const rows = layout.items.flatMap((item) => (item.row !== null && item.row.lower.length > 0 ? [item.row] : []));
  const placed = id === null ? null : (layout.places.get(id)?.row ?? null);
  const here = placed === null ? -1 : rows.indexOf(placed);
  const closest = (row: Row | undefined, at: number): Bar | null => {
    const away = (bar: Bar): number => {
      const span = lowerSpan(bar);
      return span === null ? Number.POSITIVE_INFINITY : Math.max(span.from - at, at - span.to, 0);
    };
    return row?.lower.reduce<Bar | null>((best, bar) => (best === null || away(bar) < away(best) ? bar : best), null) ?? null;
  };
  const row = rows[here];
  if (row === undefined) return closest(rows[0], near);
  const place = row.lower.findIndex((bar) => bar.id === id || bar.batch?.some((each) => each.id === id) === true);
  const bar = row.lower[place] ?? null;
  if (direction === "left") return row.lower[place - 1] ?? bar;
  if (direction === "right") return row.lower[place + 1] ?? bar;
  const span = bar === null ? null : lowerSpan(bar);
  return closest(rows[here + (direction === "up" ? -1 : 1)], span === null ? near : span.from) ?? bar;
}
