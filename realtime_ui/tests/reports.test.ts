import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CommonMessages, ReportsMessages, StaffMessages } from "../src/i18n/messages.gen.ts";
import { createTranslator, type Language } from "../src/i18n/translator.ts";
import { behindOf, behindText, lossOf, slotOf } from "../src/reports/behind.ts";
import { bands, linePath, ranked, shortened, ticksOf, widthOf, wrapped } from "../src/reports/charts/scale.ts";
import type { Figure, Report } from "../src/reports/envelope.ts";
import { codesIn, definitionOf, figureWords, reached, slotWords, tickWords, trendOf, trendWords, valueWords } from "../src/reports/figures.ts";
import type { ReportTranslator } from "../src/reports/language.tsx";
import { daysOf, grainOf, weekOf } from "../src/reports/periods.ts";
import { addressesOf, codeFor, minuteOf, timeOfMinute } from "../src/reports/scheduling.ts";
import { queryOf, reportSearchOf, stopsSearchOf } from "../src/reports/search.ts";
import { partsOf, segmentsOf, stripRows } from "../src/reports/strip.ts";
import type { Stop } from "../src/reports/stopsapi.ts";
import { shownOf, typedOf } from "../src/reports/target.tsx";

function words(language: Language): ReportTranslator {
  const texts: Record<string, string> = {};
  for (const group of ["common", "staff", "reports"]) Object.assign(texts, JSON.parse(readFileSync(`messages/${language}/${group}.json`, "utf8")));
  return createTranslator<CommonMessages & StaffMessages & ReportsMessages>(language, texts);
}

const en = words("en");
const zh = words("zh-CN");
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const figure = (value: number | null, more: Partial<Figure> = {}): Figure => ({ value, part: "1", whole: "1", absent: null, absent_words: null, target: null, previous: null, currency: null, ...more });

describe("marks of an axis", () => {
  it("are round numbers up to one that nothing exceeds, and have 0 among them", () => {
    expect(ticksOf([3, 17], "count")).toEqual([0, 5, 10, 15, 20]);
    expect(ticksOf([0.62, 0.97], "percent")).toEqual([0, 0.5, 1]);
    expect(ticksOf([-0.07, 0.16], "percent")).toEqual([-0.1, 0, 0.1, 0.2]);
  });

  it("of times are what people count by, of pieces whole", () => {
    expect(ticksOf([7 * HOUR], "ms")).toEqual([0, 2 * HOUR, 4 * HOUR, 6 * HOUR, 8 * HOUR]);
    expect(ticksOf([2.4], "pieces")).toEqual([0, 1, 2, 3]);
  });

  it("begin near the values of a line that are close together, never of bars", () => {
    expect(ticksOf([0.94, 0.98], "percent", { near: true })[0]).toBeGreaterThan(0.9);
    expect(ticksOf([0.2, 0.98], "percent", { near: true })[0]).toBe(0);
    expect(ticksOf([0.94, 0.98], "percent")[0]).toBe(0);
  });

  it("are there without any value, too", () => {
    expect(ticksOf([], "percent")).toEqual([0, 0.5, 1]);
    expect(ticksOf([0], "ms").at(-1)).toBe(HOUR);
  });
});

describe("a Pareto", () => {
  it("has the largest first and ends at all of it", () => {
    const rows = [{ v: 10 }, { v: null }, { v: 60 }, { v: 0 }, { v: 30 }];
    const found = ranked(rows, (row) => row.v);
    expect(found.map((rank) => rank.value)).toEqual([60, 30, 10]);
    expect(found.map((rank) => rank.share)).toEqual([0.6, 0.3, 0.1]);
    expect(found.map((rank) => rank.cumulative)).toEqual([0.6, 0.9, 1]);
  });
});

describe("drawing", () => {
  it("interrupts a line where there is no number, and keeps a point that stands alone", () => {
    expect(linePath([[0, 1], [1, 2], null, [3, 4]])).toBe("M0.0 1.0h0L1.0 2.0M3.0 4.0h0");
  });

  it("puts bands side by side, none wider than is good", () => {
    const band = bands(2, 0, 1_000);
    expect([band.width, band.middle(0), band.middle(1)]).toEqual([72, 250, 750]);
  });

  it("knows that Chinese is wider, and shortens what does not fit", () => {
    expect(widthOf("设备故障", 13)).toBe(52);
    expect(widthOf("shop", 13)).toBeLessThan(40);
    expect(shortened("苏州精工电器有限公司", 13, 80)).toBe("苏州精工电…");
    expect(shortened("plant/press/line-1/press-12", 13, 80)).toMatch(/^….*press-12$/);
    expect(wrapped("Waited for shipping and for papers", 13, 90, 2)).toHaveLength(2);
    expect(wrapped("等待发运单据", 13, 40, 2)).toEqual(["等待发", "运单据"]);
  });
});

describe("figures in words", () => {
  it("say units in both languages", () => {
    expect(valueWords(en, 0.9342, "percent")).toBe("93.4 %");
    expect(valueWords(zh, 0.9342, "percent")).toBe("93.4%");
    expect(valueWords(zh, 5.23, "per_year")).toBe("5.2 次/年");
    expect(valueWords(en, -26 * HOUR, "ms")).toBe("−1 d 2 h");
    expect(valueWords(en, 1234.5, "money", "CNY")).toBe("1,234.50 CNY");
  });

  it("say why there is no number", () => {
    expect(figureWords(en, figure(null, { absent_words: "Nothing was due" }), "percent")).toBe("Nothing was due");
    expect(figureWords(zh, undefined, "percent")).toBe("无数值");
  });

  it("keep the marks of an axis short", () => {
    expect([0, 30 * 60_000, 8 * HOUR, DAY, 36 * HOUR].map((value) => tickWords(en, value, "ms"))).toEqual(["0", "30 min", "8 h", "1 d", "36 h"]);
  });

  it("compare with the period before, in points, and know what is better", () => {
    const up = trendOf(figure(0.95), figure(0.9), "higher", "percent");
    expect(up).toMatchObject({ good: true });
    expect(up === null ? "" : trendWords(en, up, "percent")).toBe("+5.0 pts");
    expect(trendOf(figure(2 * DAY), figure(DAY), "lower", "ms")).toEqual({ by: DAY, good: false });
    expect(trendOf(figure(-0.02), figure(0.1), "near_zero", "percent")?.good).toBe(true);
    expect(trendOf(figure(0.9), figure(0.9001), "higher", "percent")).toEqual({ by: 0, good: null });
    expect(trendOf(figure(null), figure(1), "higher", "percent")).toBeNull();
  });

  it("know whether a target is met", () => {
    expect(reached(figure(0.95, { target: 0.95 }), "higher")).toBe(true);
    expect(reached(figure(3, { target: 2 }), "lower")).toBe(false);
    expect(reached(figure(0.95), "higher")).toBeNull();
    expect(reached(figure(-0.3, { target: 0.1 }), "near_zero")).toBe(false);
  });

  it("name days, weeks and months", () => {
    expect(slotWords(en, "2026-11-23", "day")).toBe("Nov 23");
    expect(slotWords(zh, "2026-11-23", "week")).toBe("第 48 周");
    expect(slotWords(en, "2026-11-01", "month")).toBe("Nov 26");
  });

  it("have one figure of money for each currency", () => {
    const report = {
      definitions: [{ code: "scrap_cost", version: 1, name: "Scrap cost", formula: "", note: "", source: "", unit: "money", better: "lower" }],
      totals: { "scrap_cost:CNY": figure(5), "scrap_cost:EUR": figure(7), scrap: figure(3) },
    } as unknown as Report;
    expect(codesIn(report, ["scrap_cost", "scrap_ratio"])).toEqual(["scrap_cost:CNY", "scrap_cost:EUR", "scrap_ratio"]);
    expect(definitionOf(report, "scrap_cost:EUR")).toMatchObject({ name: "Scrap cost (EUR)", unit: "money" });
  });
});

describe("targets as people type them", () => {
  it("are percent, hours or the number itself", () => {
    expect([shownOf(0.955, "percent"), shownOf(36 * HOUR, "ms"), shownOf(null, "count")]).toEqual(["95.5", "36", ""]);
    expect([typedOf("95,5", "percent"), typedOf("36", "ms"), typedOf("", "count"), typedOf("many", "count")]).toEqual([0.955, 36 * HOUR, null, undefined]);
  });
});

describe("periods", () => {
  it("are whole weeks, months and quarters", () => {
    expect(daysOf("this_week", "2026-11-23")).toEqual({ from: "2026-11-23", to: "2026-11-29" });
    expect(daysOf("last_week", "2026-11-22")).toEqual({ from: "2026-11-09", to: "2026-11-15" });
    expect(daysOf("month", "2028-02-29")).toEqual({ from: "2028-02-01", to: "2028-02-29" });
    expect(daysOf("last_month", "2026-01-15")).toEqual({ from: "2025-12-01", to: "2025-12-31" });
    expect(daysOf("quarter", "2026-11-23")).toEqual({ from: "2026-10-01", to: "2026-12-31" });
  });

  it("are cut so that a chart can be read; weeks have the numbers of ISO 8601", () => {
    expect([grainOf(daysOf("month", "2026-11-23")), grainOf(daysOf("quarter", "2026-11-23")), grainOf({ from: "2026-01-01", to: "2026-12-31" })]).toEqual(["day", "week", "month"]);
    expect([weekOf("2026-01-01"), weekOf("2027-01-01"), weekOf("2026-11-23")]).toEqual([1, 53, 48]);
  });
});

describe("the address of the management page", () => {
  it("keeps what it knows, leaves out the usual and what makes no sense", () => {
    expect(reportSearchOf({ site: "a", period: "last_week", grain: "hour", as_of: "yesterday" })).toEqual({ site: "a" });
    expect(reportSearchOf({ period: "custom", from: "2026-11-30", to: "2026-11-01" })).toEqual({});
    expect(reportSearchOf({ period: "custom", from: "2026-02-30", to: "2026-03-01" })).toEqual({});
    expect(reportSearchOf({ as_of: "2026-11-20T08:00:00+08:00" })).toEqual({ as_of: "2026-11-20T00:00:00.000Z" });
    expect(stopsSearchOf({ machine: "a/b/c/d", day: "2026-11-31" })).toEqual({ machine: "a/b/c/d" });
  });

  it("says what every report is asked with", () => {
    expect(queryOf({ period: "month", line: "a/b/c" }, "2026-11-23")).toMatchObject({ from: "2026-11-01", to: "2026-11-30", grain: "day", line: "a/b/c" });
  });

  it("names what is looked behind, also a row without a key", () => {
    expect(behindOf(behindText({ report: "losses", by: "reason", key: "delay:jam" }))).toEqual({ report: "losses", by: "reason", key: "delay:jam" });
    expect(behindOf("delivery:line:")).toEqual({ report: "delivery", by: "line", key: "" });
    expect(behindOf("oee:machine:x")).toBeNull();
    expect(slotOf({ report: "delivery", by: "", key: "2026-11-16..2026-11-22" })).toEqual({ from: "2026-11-16", to: "2026-11-22" });
    expect(lossOf("micro_stop:")).toEqual({ time_class: "micro_stop", reason: "" });
  });
});

describe("a machine's day", () => {
  const day = { from: 0, until: DAY };
  const stop = (from: number, until: number | null, reason: string | null = null): Stop => ({
    machine: "m", from: new Date(from).toISOString(), until: until === null ? null : new Date(until).toISOString(), state: "down", time_class: "delay", reason, reason_words: null, own_reason: null, by_hand: null, order: null, shift: "", day: null,
  });

  it("has stops, and between them what the machine told; nothing lies in the future", () => {
    const changes = [{ at: new Date(-HOUR).toISOString(), state: "running" }, { at: new Date(2 * HOUR).toISOString(), state: "down" }, { at: new Date(3 * HOUR).toISOString(), state: "running" }];
    const found = segmentsOf([stop(2 * HOUR, 3 * HOUR), stop(9 * HOUR, null)], changes, 9 * HOUR, day, 10 * HOUR);
    expect(found.map((each) => [each.from / HOUR, each.until / HOUR, each.state])).toEqual([[0, 2, "running"], [2, 3, "down"], [3, 9, "running"], [9, 10, "down"]]);
  });

  it("is cut into rows where the screen is narrow, also when clocks change", () => {
    expect(stripRows(0, DAY, 1_400)).toHaveLength(1);
    expect(stripRows(0, DAY, 360)).toHaveLength(4);
    expect(stripRows(0, 23 * HOUR, 360).at(-1)?.until).toBe(23 * HOUR);
    const parts = partsOf([{ from: 5 * HOUR, until: 7 * HOUR }], stripRows(0, DAY, 360));
    expect(parts.map((part) => [part.row, part.from, part.until])).toEqual([[0, 5 / 6, 1], [1, 0, 1 / 6]]);
  });
});

describe("schedules", () => {
  it("take addresses as people paste them", () => {
    expect(addressesOf("a@x.com; b@x.com\n a@x.com，c@x.com")).toEqual(["a@x.com", "b@x.com", "c@x.com"]);
  });

  it("have times of a day and codes that nothing has", () => {
    expect([timeOfMinute(390), minuteOf("06:30"), minuteOf("soon")]).toEqual(["06:30", 390, null]);
    expect([codeFor("Weekly figures!", []), codeFor("周报", ["report"])]).toEqual(["weekly-figures", "report-2"]);
  });
});
