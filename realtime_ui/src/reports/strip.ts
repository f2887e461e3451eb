import type { StateChange, Stop } from "./stopsapi.ts";

/** States in which a machine stands: what a reason can be given for. */
export const STOPS: ReadonlySet<string> = new Set(["idle", "down", "planned_stop", "offline"]);

/** A stretch of a machine's day in one state; of a stop with what is known of it. */
export interface Segment {
  from: number;
  until: number;
  state: string;
  stop: Stop | null;
}

/**
 * A day as stretches: the stops with the reasons that hold, and between them what the machine told of
 * itself. Nothing goes beyond `now`, or beyond the day.
 */
export function segmentsOf(stops: readonly Stop[], changes: readonly StateChange[], told: number, day: { from: number; until: number }, now: number): Segment[] {
  const end = Math.min(day.until, now);
  const within = (from: number, until: number): boolean => until > from;
  const stood = stops.flatMap((stop): Segment[] => {
    const from = Math.max(day.from, Date.parse(stop.from));
    const until = Math.min(end, stop.until === null ? now : Date.parse(stop.until));
    return within(from, until) ? [{ from, until, state: stop.state, stop }] : [];
  });
  const worked = changes.flatMap((change, index): Segment[] => {
    if (STOPS.has(change.state)) return [];
    const next = changes[index + 1];
    const from = Math.max(day.from, Date.parse(change.at));
    const until = Math.min(end, next === undefined ? told : Date.parse(next.at));
    return within(from, until) ? [{ from, until, state: change.state, stop: null }] : [];
  });
  return [...worked, ...stood].sort((left, right) => left.from - right.from);
}

/** A machine's day, cut into rows that are wide enough for an hour to be seen. */
export interface StripRow {
  from: number;
  until: number;
}

const HOUR_MS = 3_600_000;
/** An hour is never narrower: a stop of five minutes stays wide enough for a finger's eye. */
const LEAST_HOUR = 56;

/** How many rows a day takes at a width; the hours are divided evenly. */
export function stripRows(from: number, until: number, width: number): StripRow[] {
  const hours = Math.max(1, Math.round((until - from) / HOUR_MS));
  const most = Math.max(2, Math.floor(width / LEAST_HOUR));
  const rows = Math.ceil(hours / most);
  const perRow = Math.ceil(hours / rows) * HOUR_MS;
  return Array.from({ length: rows }, (_, row) => ({ from: from + row * perRow, until: Math.min(until, from + (row + 1) * perRow) })).filter((row) => row.until > row.from);
}

export interface Part<T> {
  item: T;
  row: number;
  /** Within the row: 0 is its beginning, 1 where a whole row ends. */
  from: number;
  until: number;
}

/** Stretches as parts of rows: one that goes over a row's end has a part in each. */
export function partsOf<T extends { from: number; until: number }>(items: readonly T[], rows: readonly StripRow[]): Part<T>[] {
  const first = rows[0];
  const length = first === undefined ? 1 : first.until - first.from;
  return items.flatMap((item) =>
    rows.flatMap((row, index) => {
      const from = Math.max(item.from, row.from);
      const until = Math.min(item.until, row.until);
      return until <= from ? [] : [{ item, row: index, from: (from - row.from) / length, until: (until - row.from) / length }];
    }),
  );
}
