import type { Grain } from "./envelope.ts";

/** Calendar days of the plant, both included, as `2026-11-23`. */
export interface Days {
  from: string;
  to: string;
}

export const PRESETS = ["this_week", "last_week", "month", "last_month", "quarter", "custom"] as const;
export type Preset = (typeof PRESETS)[number];

const DAY_MS = 86_400_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export function isDay(value: unknown): value is string {
  return typeof value === "string" && DAY.test(value) && !Number.isNaN(Date.parse(value)) && new Date(value).toISOString().startsWith(value);
}

// A calendar day is counted with as the midnight of UTC: there all days are of one length.
const at = (day: string): number => Date.parse(day);
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
export const plusDays = (day: string, days: number): string => dayOf(at(day) + days * DAY_MS);

/** Monday is 0. */
export function weekdayOf(day: string): number {
  return (new Date(day).getUTCDay() + 6) % 7;
}

function monthStart(day: string, months = 0): string {
  const date = new Date(day);
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1));
}

/** How many days there are, both ends included. */
export function lengthOf(days: Days): number {
  return Math.round((at(days.to) - at(days.from)) / DAY_MS) + 1;
}

/** The days of a preset; weeks begin on Monday (ISO 8601). */
export function daysOf(preset: Exclude<Preset, "custom">, today: string): Days {
  const monday = plusDays(today, -weekdayOf(today));
  switch (preset) {
    case "this_week":
      return { from: monday, to: plusDays(monday, 6) };
    case "last_week":
      return { from: plusDays(monday, -7), to: plusDays(monday, -1) };
    case "month":
      return { from: monthStart(today), to: plusDays(monthStart(today, 1), -1) };
    case "last_month":
      return { from: monthStart(today, -1), to: plusDays(monthStart(today), -1) };
    case "quarter": {
      const first = monthStart(today, -(new Date(today).getUTCMonth() % 3));
      return { from: first, to: plusDays(monthStart(first, 3), -1) };
    }
  }
}

/** Which part of a period one point of a chart is, where nobody chose: about 7 to 35 of them. */
export function grainOf(days: Days): Grain {
  const length = lengthOf(days);
  return length <= 35 ? "day" : length <= 200 ? "week" : "month";
}

/** The number of a week by ISO 8601: week 1 has the year's first Thursday. */
export function weekOf(day: string): number {
  const thursday = plusDays(day, 3 - weekdayOf(day));
  return Math.floor((at(thursday) - Date.UTC(Number(thursday.slice(0, 4)), 0, 1)) / DAY_MS / 7) + 1;
}
