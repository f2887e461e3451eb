import type { CommonMessages } from "./messages.gen.ts";
import type { Language, Translator } from "./translator.ts";

type Words = Translator<CommonMessages>;

const cache = new Map<string, Intl.DateTimeFormat>();

function dates(language: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  let format = cache.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(language, { hourCycle: "h23", ...options });
    cache.set(key, format);
  }
  return format;
}

const counts = new Map<string, Intl.NumberFormat>();

/** A count or quantity: grouped, at most three decimals. */
export function formatNumber(value: number, language: Language): string {
  let format = counts.get(language);
  if (format === undefined) {
    format = new Intl.NumberFormat(language, { maximumFractionDigits: 3 });
    counts.set(language, format);
  }
  return format.format(value);
}

/** Milliseconds of an RFC 3339 time; null when there is none or it is none. */
export function timeOf(text: string | null | undefined): number | null {
  if (text == null) return null;
  const value = Date.parse(text);
  return Number.isNaN(value) ? null : value;
}

/** `14:35` in a zone. */
export function formatClock(at: number, zone: string, language: Language): string {
  return dates(language, { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
}

/** The calendar day in a zone, as `2026-11-22`: for comparing days. */
export function dayIn(at: number, zone: string): string {
  return dates("en", { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone })
    .formatToParts(at)
    .filter((part) => part.type !== "literal")
    .sort((left, right) => "ymd".indexOf(left.type.charAt(0)) - "ymd".indexOf(right.type.charAt(0)))
    .map((part) => part.value)
    .join("-");
}

const DAY_MS = 86_400_000;

/** A moment as people say it: "today 14:35", "Mon, 24 Nov, 14:35". */
export function formatMoment(t: Words, at: number, now: number, zone: string): string {
  const time = formatClock(at, zone, t.language);
  const day = dayIn(at, zone);
  if (day === dayIn(now, zone)) return t("date.today", { time });
  if (day === dayIn(now + DAY_MS, zone)) return t("date.tomorrow", { time });
  if (day === dayIn(now - DAY_MS, zone)) return t("date.yesterday", { time });
  return dates(t.language, {
    weekday: "short",
    day: "numeric",
    month: "short",
    ...(day.slice(0, 4) === dayIn(now, zone).slice(0, 4) ? {} : { year: "numeric" as const }),
    hour: "2-digit",
    minute: "2-digit",
    timeZone: zone,
  }).format(at);
}

/** As formatMoment, but today's is the bare time: for narrow slots. */
export function formatShortMoment(t: Words, at: number, now: number, zone: string): string {
  if (dayIn(at, zone) === dayIn(now, zone)) return formatClock(at, zone, t.language);
  if (Math.abs(at - now) < 5 * DAY_MS) {
    return dates(t.language, { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
  }
  return dates(t.language, { day: "numeric", month: "short", timeZone: zone }).format(at);
}

/** A day without its time: "Monday, 24 November". */
export function formatDay(at: number, zone: string, language: Language): string {
  return dates(language, { weekday: "long", day: "numeric", month: "long", timeZone: zone }).format(at);
}

/** A length of time in its one or two largest units. Negative lengths are told as positive ones. */
export function formatDuration(t: Words, ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1_000);
  if (seconds < 60) return t("unit.seconds", { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("unit.minutes", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    const rest = minutes % 60;
    return rest === 0 ? t("unit.hours", { n: hours }) : t("unit.hours_minutes", { h: hours, m: rest });
  }
  const days = Math.floor(hours / 24);
  const rest = hours % 24;
  return rest === 0 || days >= 7 ? t("unit.days", { n: days }) : t("unit.days_hours", { d: days, h: rest });
}

/** `0:48`: hours and minutes left, for a fixed slot. Nothing is left of what is over. */
export function formatCountdown(ms: number): string {
  const minutes = Math.max(0, Math.ceil(ms / 60_000));
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
}

/** Whether the reader's clock shows something else than the plant's at that moment. */
export function zoneDiffers(zone: string, at: number): boolean {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const options: Intl.DateTimeFormatOptions = { day: "2-digit", hour: "2-digit", minute: "2-digit" };
  return own !== zone && dates("en", { ...options, timeZone: own }).format(at) !== dates("en", { ...options, timeZone: zone }).format(at);
}

/** The zone as people know it: `Shanghai (GMT+8)`. */
export function formatZone(zone: string, at: number, language: Language): string {
  const offset = dates(language, { timeZone: zone, timeZoneName: "shortOffset" })
    .formatToParts(at)
    .find((part) => part.type === "timeZoneName")?.value;
  const city = zone.split("/").at(-1)?.replaceAll("_", " ") ?? zone;
  return offset === undefined || offset === city ? city : `${city} (${offset})`;
}

/** A unit of quantity in words; a unit nobody knows stays as it is. */
export function formatUnit(t: Words, unit: string, n: number): string {
  return unit === "pcs" ? t("unit.pcs", { n }) : unit;
}
