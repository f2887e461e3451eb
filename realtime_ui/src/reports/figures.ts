import { formatDuration, formatNumber } from "../i18n/format.ts";
import type { Language } from "../i18n/translator.ts";
import type { Unit } from "./charts/scale.ts";
import type { Better, Definition, Figure, Grain, Report, Slot } from "./envelope.ts";
import type { ReportTranslator } from "./language.tsx";
import { weekOf } from "./periods.ts";

const formats = new Map<string, Intl.NumberFormat>();

function numbers(language: Language, digits: number, fixed: boolean): Intl.NumberFormat {
  const key = `${language}/${digits}/${fixed}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: fixed ? digits : 0 });
    formats.set(key, format);
  }
  return format;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A value as it is read: 93.4 %, 3 h 20 min, 1,204 pieces, 5.2 a year. */
export function valueWords(t: ReportTranslator, value: number, unit: Unit, currency: string | null = null): string {
  if (value < 0 && unit !== "ms") return `−${valueWords(t, -value, unit, currency)}`;
  switch (unit) {
    case "percent":
      return t("report_unit.percent", { n: numbers(t.language, 1, true).format(value * 100) });
    case "ms":
      return `${value < 0 ? "−" : ""}${formatDuration(t, value)}`;
    case "pieces":
      return t("report_unit.pieces", { n: formatNumber(value, t.language) });
    case "money":
      return currency === null ? numbers(t.language, 2, true).format(value) : `${numbers(t.language, 2, true).format(value)} ${currency}`;
    case "per_year":
      return t("report_unit.per_year", { n: numbers(t.language, 1, true).format(value) });
    case "days":
      return t("report_unit.days", { n: numbers(t.language, 1, false).format(value) });
    case "count":
      return formatNumber(value, t.language);
  }
}

/** A mark of an axis: short, of one size along the axis. */
export function tickWords(t: ReportTranslator, value: number, unit: Unit): string {
  if (unit === "percent") return t("report_unit.percent", { n: numbers(t.language, 1, false).format(value * 100) });
  if (unit !== "ms") return new Intl.NumberFormat(t.language, { notation: "compact", maximumFractionDigits: 2 }).format(value);
  const size = Math.abs(value);
  if (size === 0) return "0";
  const sign = value < 0 ? "−" : "";
  if (size % DAY_MS === 0 && size >= DAY_MS) return sign + t("unit.days", { n: size / DAY_MS });
  if (size >= HOUR_MS) return sign + t("unit.hours", { n: tidy(size / HOUR_MS) });
  return sign + (size >= 60_000 ? t("unit.minutes", { n: tidy(size / 60_000) }) : t("unit.seconds", { n: tidy(size / 1_000) }));
}

const tidy = (value: number): number => Number(value.toFixed(1));

/** A figure, or why it has no number. */
export function figureWords(t: ReportTranslator, figure: Figure | undefined, unit: Unit): string {
  if (figure?.value == null) return absentWords(t, figure);
  return valueWords(t, figure.value, unit, figure.currency ?? null);
}

export function absentWords(t: ReportTranslator, figure: Pick<Figure, "absent_words"> | undefined): string {
  return figure?.absent_words ?? t("reports.no_number");
}

/** How a figure stands to the period before. */
export interface Trend {
  /** Its difference; of a ratio in parts of 1. */
  by: number;
  /** What it means; null: neither way is better. */
  good: boolean | null;
}

/** Null: one of them has no number. A difference that nobody would see is 0. */
export function trendOf(now: Pick<Figure, "value"> | undefined, then: Pick<Figure, "value"> | undefined, better: Better, unit: Unit): Trend | null {
  if (now?.value == null || then?.value == null) return null;
  const least = unit === "percent" ? 0.000_5 : unit === "ms" ? 60_000 : 0.05;
  const by = now.value - then.value;
  if (Math.abs(by) < least) return { by: 0, good: null };
  if (better === "neither") return { by, good: null };
  if (better === "near_zero") return { by, good: Math.abs(now.value) < Math.abs(then.value) };
  return { by, good: by > 0 === (better === "higher") };
}

/** The difference of a trend: of percentages points, of others their own unit. */
export function trendWords(t: ReportTranslator, trend: Trend, unit: Unit, currency: string | null = null): string {
  if (trend.by === 0) return t("reports.trend_same");
  const sign = trend.by > 0 ? "+" : "−";
  const size = Math.abs(trend.by);
  if (unit === "percent") return sign + t("report_unit.points", { n: numbers(t.language, 1, true).format(size * 100) });
  return sign + valueWords(t, size, unit, currency);
}

/** Whether a figure is as good as its target; null: there is none of the two. */
export function reached(figure: Pick<Figure, "value" | "target"> | undefined, better: Better): boolean | null {
  if (figure?.value == null || figure.target == null || better === "neither") return null;
  if (better === "higher") return figure.value >= figure.target;
  if (better === "lower") return figure.value <= figure.target;
  return Math.abs(figure.value) <= Math.abs(figure.target);
}

const dates = new Map<string, Intl.DateTimeFormat>();

function dayFormat(language: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  let format = dates.get(key);
  if (format === undefined) {
    // A calendar day is the midnight of UTC, wherever it is the plant's.
    format = new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" });
    dates.set(key, format);
  }
  return format;
}

/** What stands under a point of a chart: a day, a week by its number, a month. */
export function slotWords(t: ReportTranslator, day: string, grain: Grain): string {
  const at = Date.parse(day);
  if (grain === "week") return t("reports.week", { n: weekOf(day) });
  if (grain === "month") return dayFormat(t.language, { month: "short", year: "2-digit" }).format(at);
  return dayFormat(t.language, { day: "numeric", month: "short" }).format(at);
}

/** A day written out: Mon, 23 Nov 2026. */
export function dayWords(language: Language, day: string): string {
  return dayFormat(language, { weekday: "short", day: "numeric", month: "short", year: "numeric" }).format(Date.parse(day));
}

/** What a figure means; `scrap_cost:CNY` is what `scrap_cost` is, in one currency. */
export function definitionOf(report: Report, code: string): Definition | undefined {
  const own = report.definitions.find((each) => each.code === code);
  if (own !== undefined || !code.includes(":")) return own;
  const [family = "", currency = ""] = code.split(":");
  const found = report.definitions.find((each) => each.code === family);
  return found === undefined ? undefined : { ...found, code, name: `${found.name} (${currency})` };
}

/** The figures of a report that go by these names: of money one for each currency. */
export function codesIn(report: Report, codes: readonly string[]): string[] {
  return codes.flatMap((code) => {
    const found = Object.keys(report.totals).filter((each) => each === code || each.startsWith(`${code}:`));
    return found.length === 0 ? [code] : found;
  });
}

/** One figure's way through the period, in order; null where it has no number. */
export function wayOf(series: readonly Slot[], code: string): (number | null)[] {
  return series.map((slot) => slot.figures[code]?.value ?? null);
}
