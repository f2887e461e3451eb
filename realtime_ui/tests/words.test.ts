import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CommonMessages, StaffMessages, TrackingMessages } from "../src/i18n/messages.gen.ts";
import { dayIn, formatClock, formatCountdown, formatDuration, formatMoment, formatShortMoment, formatUnit, timeOf } from "../src/i18n/format.ts";
import { createTranslator, wordOf, type Language, type Translator } from "../src/i18n/translator.ts";
import { changedFields } from "../src/orders/changes.ts";
import { instantOf, localOf } from "../src/orders/dates.ts";
import { latenessWords, riskOf, waitsForWords } from "../src/orders/words.ts";
import { arrived, expected } from "../src/terminal/expectation.ts";
import { changesOf, sentence } from "../src/tracking/words.ts";
import { barsPath } from "../src/ui/sparkline.tsx";
import { payloadText } from "../src/deadletters/payload.ts";
import type { CurrentOperation, TrackingView } from "../src/api/types.ts";

type All = CommonMessages & StaffMessages & TrackingMessages;

function words(language: Language): Translator<All> {
  const texts: Record<string, string> = {};
  for (const group of ["common", "staff", "tracking"]) Object.assign(texts, JSON.parse(readFileSync(`messages/${language}/${group}.json`, "utf8")));
  return createTranslator<All>(language, texts);
}
const en = words("en");
const zh = words("zh-CN");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.parse("2026-11-22T08:00:00Z");

describe("durations", () => {
  it.each([
    [42_000, "42 s", "42 秒"],
    [42 * MINUTE, "42 min", "42 分钟"],
    [2 * HOUR, "2 h", "2 小时"],
    [-(2 * HOUR + 5 * MINUTE), "2 h 5 min", "2 小时 5 分"],
    [27 * HOUR, "1 d 3 h", "1 天 3 小时"],
    [9 * 24 * HOUR + HOUR, "9 d", "9 天"],
  ])("of %i ms", (ms, english, chinese) => {
    expect(formatDuration(en, ms)).toBe(english);
    expect(formatDuration(zh, ms)).toBe(chinese);
  });

  it("count down in hours and minutes and stop at nothing", () => {
    expect(formatCountdown(48 * MINUTE)).toBe("0:48");
    expect(formatCountdown(65 * MINUTE + 1)).toBe("1:06");
    expect(formatCountdown(-5)).toBe("0:00");
  });
});

describe("moments", () => {
  it("are told in the plant's zone, by day", () => {
    const zone = "Asia/Shanghai";
    expect(formatClock(NOW, zone, "en")).toBe("16:00");
    expect(formatMoment(en, NOW, NOW, zone)).toBe("today 16:00");
    expect(formatMoment(zh, NOW + 9 * HOUR, NOW, zone)).toBe("明天 01:00");
    expect(formatMoment(en, NOW - 17 * HOUR, NOW, zone)).toBe("yesterday 23:00");
    expect(formatMoment(en, NOW + 72 * HOUR, NOW, zone)).toContain("25");
    expect(formatShortMoment(en, NOW, NOW, zone)).toBe("16:00");
    expect(dayIn(NOW + 9 * HOUR, zone)).toBe("2026-11-23");
  });

  it("are none when the text is none", () => {
    expect(timeOf(null)).toBeNull();
    expect(timeOf("soon")).toBeNull();
    expect(timeOf("2026-11-22T08:00:00Z")).toBe(NOW);
  });

  it("go from the plant's clock to an instant and back, also where clocks change", () => {
    expect(instantOf("2026-11-22T16:00", "Asia/Shanghai")).toBe("2026-11-22T08:00:00.000Z");
    expect(instantOf("2026-07-01T08:00", "Europe/Berlin")).toBe("2026-07-01T06:00:00.000Z");
    expect(instantOf("2026-10-25T12:00", "Europe/Berlin")).toBe("2026-10-25T11:00:00.000Z");
    for (const instant of ["2026-03-29T00:30:00.000Z", "2026-03-29T01:30:00.000Z", "2026-10-25T03:30:00.000Z"]) {
      expect(instantOf(localOf(instant, "Europe/Berlin"), "Europe/Berlin")).toBe(instant);
    }
    expect(localOf(null, "UTC")).toBe("");
  });
});

describe("words", () => {
  it("tell lateness", () => {
    expect(latenessWords(en, -120)).toBe("2 h early");
    expect(latenessWords(en, 1_440)).toBe("late 1 d");
    expect(latenessWords(zh, 1_440)).toBe("逾期 1 天");
    expect(latenessWords(en, 2)).toBe("on time");
    expect(latenessWords(en, null)).toBeNull();
  });

  it("tell risk", () => {
    expect(riskOf({ lateness_minutes: 30, state: "in_production" })).toBe("late");
    expect(riskOf({ lateness_minutes: -60, state: "in_production" })).toBe("tight");
    expect(riskOf({ lateness_minutes: -60, state: "produced" })).toBe("none");
    expect(riskOf({ lateness_minutes: 30, state: "cancelled" })).toBe("none");
  });

  it("tell what is waited for", () => {
    expect(waitsForWords(en, "operator:hz/press/l1/M-07")).toBe("Somebody to start it at M-07");
    expect(waitsForWords(en, "operator:hz/press/l1/M-07", () => "Press 160 t")).toBe("Somebody to start it at Press 160 t");
    expect(waitsForWords(zh, "release")).toBe("等待下达车间");
    expect(waitsForWords(en, "something_new")).toBe("something_new");
    expect(waitsForWords(en, null)).toBeNull();
  });

  it("make a code readable that nobody has words for", () => {
    expect(wordOf(en, "state", "running")).toBe("Running");
    expect(wordOf(zh, "state", "setup")).toBe("换型");
    expect(wordOf(en, "reason", "tool_break")).toBe("Tool break");
  });

  it("count pieces", () => {
    expect(formatUnit(en, "pcs", 1)).toBe("piece");
    expect(formatUnit(en, "pcs", 480)).toBe("pieces");
    expect(formatUnit(zh, "pcs", 480)).toBe("件");
    expect(formatUnit(en, "m", 2)).toBe("m");
  });
});

describe("the customer's words", () => {
  const view: TrackingView = {
    number: "SO-1", reference: null, customer: "Acme", item: "Bracket", stage: "in_production", stages: [], quantity_ordered: 480, unit: "pcs", good_pieces: 312, percent: 65, due: null, expected: null, expected_latest: null, time_zone: "UTC", changed: "2026-11-22T08:00:00Z",
    changes: [{ at: "2026-11-22T07:00:00Z", what: "changed", detail: { lines: [{ line: 1, field: "quantity", from: "400", to: "480" }, { line: 1, field: "due_at", from: null, to: "2026-11-22T09:00:00Z" }] } }],
  };

  it("say the state in one sentence", () => {
    expect(sentence(en, view)).toBe("Your order is being made: 312 of 480 pieces are done.");
    expect(sentence(zh, view)).toBe("您的订单正在生产：已完成 312 / 480 件。");
    expect(sentence(en, { ...view, stage: "in_customs" })).toBe("Your order is at: In customs.");
  });

  it("say what changed from what to what", () => {
    expect(changesOf(en, view, NOW)[0]?.details).toEqual(["Quantity: 400 pieces → 480 pieces", "Requested date: – → today 09:00"]);
  });
});

describe("an audit entry", () => {
  it("tells the fields that changed, those of lines with their line", () => {
    expect(changedFields({ priority: 0, lines: [{ number: 1, quantity: "400", due_at: null }] }, { priority: 2, version: 4, lines: [{ number: 1, quantity: "480", due_at: null }] })).toEqual([
      { field: "priority", line: null, from: 0, to: 2 },
      { field: "quantity", line: 1, from: "400", to: "480" },
    ]);
    expect(changedFields(null, { state: "received" })).toEqual([]);
    expect(changedFields({ line: 1, state: "released" }, { line: 1, state: "in_production" })).toEqual([{ field: "state", line: 1, from: "released", to: "in_production" }]);
  });
});

describe("what an operator said", () => {
  const one: CurrentOperation = { work_order: "WO-1", operation: 10, name: null, item: null, customer: null, order_number: null, state: "running", quantity_ordered: 5, good_pieces: 1, scrap_pieces: 0, projected_end: null, due: null, started: null };
  const two = { ...one, work_order: "WO-2", state: "planned" };

  it("is shown before the floor has shown it, and gives way to it", () => {
    expect(expected(one, { event: "paused", operation: one })?.state).toBe("paused");
    expect(arrived(one, { event: "paused", operation: one })).toBe(false);
    expect(arrived({ ...one, state: "paused" }, { event: "paused", operation: one })).toBe(true);
    expect(expected(one, { event: "started", operation: two })).toEqual({ ...two, state: "running" });
    expect(arrived(one, { event: "started", operation: two })).toBe(false);
    expect(arrived({ ...two, state: "running" }, { event: "started", operation: two })).toBe(true);
    expect(expected(one, { event: "completed", operation: one })).toBeNull();
    expect(arrived(null, { event: "completed", operation: one })).toBe(true);
    expect(expected(one, null)).toBe(one);
  });
});

describe("drawings", () => {
  it("have twelve bars, the last at the right, also of fewer values", () => {
    expect(barsPath([1, 2, 3]).match(/M/g)).toHaveLength(12);
    expect(barsPath([]).match(/v-1h/g)).toHaveLength(12);
    expect(barsPath([5])).toContain("M66.75 24v-24");
  });

  it("show a payload as it can be read", () => {
    expect(payloadText({ payload: '{"a":1}', encoding: "text" })).toBe('{\n  "a": 1\n}');
    expect(payloadText({ payload: "{oops", encoding: "text" })).toBe("{oops");
    expect(payloadText({ payload: "AAEC", encoding: "base64" })).toBe("AAEC");
  });
});
