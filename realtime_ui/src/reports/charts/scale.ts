/** What a number is of: how its axis is cut, and how it is written. The names are the API's. */
export type Unit = "percent" | "ms" | "pieces" | "money" | "per_year" | "days" | "count";

/** Lines whose values are all above this part of the largest are drawn without the space below. */
const NEAR = 0.5;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Steps of an axis of times: what people count by, not powers of ten. */
const TIME_STEPS = [1_000, 5_000, 15_000, 30_000, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 20 * DAY, 50 * DAY, 100 * DAY, 200 * DAY, 500 * DAY];

/** The smallest step of 1, 2 or 5 times a power of ten that is not below `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = least / power;
  return (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10) * power;
}

function stepFor(span: number, unit: Unit, most: number): number {
  const least = span / most;
  if (unit === "ms") return TIME_STEPS.find((step) => step >= least) ?? roundStep(least);
  const step = roundStep(least);
  // Half a piece is no mark.
  return unit === "count" || unit === "pieces" ? Math.max(1, step) : step;
}

/**
 * Where the marks of an axis stand: round numbers from the lowest to one that nothing exceeds. Bars need 0
 * among them: their lengths are compared. A line may begin `near` its values, where these lie close together.
 */
export function ticksOf(values: readonly number[], unit: Unit, { most = 4, near = false }: { most?: number; near?: boolean } = {}): number[] {
  const least = Math.min(...values);
  const largest = Math.max(...values);
  const low = near && least > 0 && least > largest * NEAR ? least - Math.max(largest - least, largest * 0.02) * 0.25 : Math.min(0, least);
  const high = Math.max(0, largest);
  // Where there is nothing to see, an axis from 0 to 1 of the unit.
  const span = high - low || (unit === "ms" ? HOUR : 1);
  const step = stepFor(span, unit, most);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil((high === low ? span : high) / step - 1e-9);
  // Whole multiples, so that no error adds up along the axis.
  return Array.from({ length: last - first + 1 }, (_, index) => tidy((first + index) * step));
}

/** Without the tail that binary fractions leave: 0.30000000000000004 is 0.3. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

/** From a value to a place on the screen. */
export function linear(domain: readonly [number, number], range: readonly [number, number]): (value: number) => number {
  const span = domain[1] - domain[0] || 1;
  return (value) => range[0] + ((value - domain[0]) / span) * (range[1] - range[0]);
}

export interface Bands {
  /** How wide one is, without the space around it. */
  width: number;
  /** Where the n-th begins. */
  start: (index: number) => number;
  middle: (index: number) => number;
}

/** `count` bands of the same width with spaces between; none is wider than `widest`. */
export function bands(count: number, from: number, until: number, widest = 72): Bands {
  const pitch = (until - from) / Math.max(1, count);
  const width = Math.min(widest, pitch * 0.68);
  const middle = (index: number): number => from + pitch * (index + 0.5);
  return { width, middle, start: (index) => middle(index) - width / 2 };
}

/** What a Pareto chart draws: the largest first, and which part of all is reached with it. */
export interface Ranked<T> {
  item: T;
  value: number;
  /** 0 to 1, its own part. */
  share: number;
  /** 0 to 1, with all before it. */
  cumulative: number;
}

/** The largest first; what has no value, or nothing, is left out. Equal ones keep their order. */
export function ranked<T>(items: readonly T[], valueOf: (item: T) => number | null): Ranked<T>[] {
  const kept = items.flatMap((item) => {
    const value = valueOf(item);
    return value === null || value <= 0 ? [] : [{ item, value }];
  });
  kept.sort((left, right) => right.value - left.value);
  const all = kept.reduce((sum, each) => sum + each.value, 0);
  let before = 0;
  return kept.map(({ item, value }, index) => {
    before += value;
    return { item, value, share: value / all, cumulative: index === kept.length - 1 ? 1 : before / all };
  });
}

/** The path of a line that is interrupted where there is no number. A point alone is a dot's worth of line. */
export function linePath(points: readonly (readonly [x: number, y: number] | null)[]): string {
  let path = "";
  let drawing = false;
  for (const point of points) {
    if (point === null) {
      drawing = false;
      continue;
    }
    path += `${drawing ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    if (!drawing) path += "h0";
    drawing = true;
  }
  return path;
}

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/;

/** How wide a text is about, in pixels: a Chinese character is as wide as it is high, others a little over half. */
export function widthOf(text: string, size: number): number {
  let width = 0;
  for (const sign of text) width += WIDE.test(sign) ? size : /[A-Z0-9%mwMW]/.test(sign) ? size * 0.68 : size * 0.56;
  return width;
}

/** A text in lines that are no wider than `width`; what does not fit in `most` lines ends with an ellipsis. */
export function wrapped(text: string, size: number, width: number, most: number): string[] {
  const lines: string[] = [];
  let line = "";
  // Words are kept whole; Chinese has none to keep.
  for (const word of text.match(/[^\s\u2e80-\u9fff\uff00-\uffef]+\s*|[\u2e80-\u9fff\uff00-\uffef]\s*/g) ?? []) {
    if (line !== "" && widthOf((line + word).trimEnd(), size) > width) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += word;
  }
  if (line !== "") lines.push(line.trimEnd());
  const kept = lines.slice(0, most);
  const cut = lines.length > most;
  return kept.map((each, index) => shortened(cut && index === most - 1 ? `${each}…` : each, size, width));
}

/** One line, shortened with an ellipsis where it is too wide. Of a path the end says more than the beginning. */
export function shortened(text: string, size: number, width: number): string {
  if (widthOf(text, size) <= width) return text;
  if (text.includes("/")) {
    let end = text;
    while (end !== "" && widthOf(`…${end}`, size) > width) end = Array.from(end).slice(1).join("");
    return `…${end}`;
  }
  let kept = text.replace(/…$/, "");
  while (kept !== "" && widthOf(`${kept}…`, size) > width) kept = Array.from(kept).slice(0, -1).join("");
  return `${kept.trimEnd()}…`;
}
