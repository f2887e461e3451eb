import { GRAINS, type Grain } from "./envelope.ts";
import { daysOf, grainOf, isDay, PRESETS, type Days, type Preset } from "./periods.ts";

/** What the management page shows, as it stands in its address. */
export interface ReportSearch {
  site?: string;
  line?: string;
  period?: Preset;
  /** The plant's days, both included; only with the period `custom`. */
  from?: string;
  to?: string;
  grain?: Grain;
  /** As known at that moment, RFC 3339 in UTC; nothing: now. */
  as_of?: string;
  /** What is looked behind: a report's name and one of its bars, `delay-causes:breakdown`. */
  behind?: string;
  page?: number;
}

export const DEFAULT_PERIOD = "last_week" satisfies Preset;

function textOf(value: unknown): string {
  return typeof value === "string" ? value.trim() : typeof value === "number" ? String(value) : "";
}

/** A moment as RFC 3339 in UTC; null when it is none. */
export function momentOf(value: unknown): string | null {
  const text = textOf(value);
  const ms = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

/** What is no filter of ours, or empty, or the usual, is left out. */
export function reportSearchOf(values: Readonly<Record<string, unknown>>): ReportSearch {
  const search: ReportSearch = {};
  for (const name of ["site", "line", "behind"] as const) {
    const text = textOf(values[name]);
    if (text !== "") search[name] = text;
  }
  const period = PRESETS.find((each) => each === values["period"]);
  const { from, to } = values;
  if (period === "custom" && isDay(from) && isDay(to) && from <= to) Object.assign(search, { period, from, to });
  else if (period !== undefined && period !== "custom" && period !== DEFAULT_PERIOD) search.period = period;
  const grain = GRAINS.find((each) => each === values["grain"]);
  if (grain !== undefined) search.grain = grain;
  const asOf = momentOf(values["as_of"]);
  if (asOf !== null) search.as_of = asOf;
  const page = Number(values["page"]);
  if (Number.isSafeInteger(page) && page > 0) search.page = page;
  return search;
}

/** Whose machines the stops page shows, as it stands in its address. */
export interface StopsSearch {
  machine?: string;
  day?: string;
}

export function stopsSearchOf(values: Readonly<Record<string, unknown>>): StopsSearch {
  const machine = textOf(values["machine"]);
  return { ...(machine === "" ? {} : { machine }), ...(isDay(values["day"]) ? { day: values["day"] } : {}) };
}

/** The days that are asked for. */
export function periodOf(search: ReportSearch, today: string): Days {
  if (search.period === "custom" && search.from !== undefined && search.to !== undefined) return { from: search.from, to: search.to };
  return daysOf(search.period === undefined || search.period === "custom" ? DEFAULT_PERIOD : search.period, today);
}

/** What every report of the page is asked with. */
export interface ReportQuery {
  site?: string | undefined;
  line?: string | undefined;
  machine?: string | undefined;
  from: string;
  to: string;
  grain?: Grain | undefined;
  by?: string | undefined;
  as_of?: string | undefined;
  language?: string | undefined;
}

export function queryOf(search: ReportSearch, today: string): ReportQuery {
  const days = periodOf(search, today);
  return { site: search.site, line: search.line, ...days, grain: search.grain ?? grainOf(days), as_of: search.as_of };
}
