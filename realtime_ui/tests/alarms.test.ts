import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Trialled } from "../src/alarms/api.ts";
import { barsOf, mondayOf } from "../src/alarms/calendar.tsx";
import { differencesOf } from "../src/alarms/differences.ts";
import { dayAfter } from "../src/alarms/history.tsx";
import type { AlarmTranslator } from "../src/alarms/language.tsx";
import { blankOf, lean, unionOf, type Schema, type Schemas } from "../src/alarms/schema.ts";
import { alarmSearchOf, rulesSearchOf, statesOf, togglePriority } from "../src/alarms/search.ts";
import { conditionLine, escalationLine } from "../src/alarms/sentences.ts";
import { pauseMs, Sounder, sounds, tonesOf } from "../src/alarms/sound.ts";
import { causeOf, subjectOf } from "../src/alarms/subject.ts";
import { perDay, warningsOf } from "../src/alarms/trial.tsx";
import { messageWords, responseOf, whyOf } from "../src/alarms/words.ts";
import { placeIn, yamlOf } from "../src/alarms/yaml.ts";
import { createTranslator, type Language } from "../src/i18n/translator.ts";

function words(language: Language): AlarmTranslator {
  const texts: Record<string, string> = {};
  for (const group of ["common", "staff", "alarms"]) Object.assign(texts, JSON.parse(readFileSync(`messages/${language}/${group}.json`, "utf8")));
  return createTranslator(language, texts);
}
const en = words("en");
const zh = words("zh-CN");
const NOW = Date.parse("2026-11-23T07:00:00Z");
const HOUR = 3_600_000;

describe("the address of the list", () => {
  it("holds only what means something", () => {
    expect(alarmSearchOf({ state: "asking", priority: "high,loud,critical", mine: "1", alarm: "7", page: "-1", search: 42 })).toEqual({ state: "asking", priority: "critical,high", mine: 1, alarm: 7, search: "42" });
    expect(alarmSearchOf({ state: "no such", priority: "low,medium,high,critical" })).toEqual({});
    expect(rulesSearchOf({ kind: "rotas", code: "+", view: "export" })).toEqual({ kind: "rotas", code: "+" });
  });

  it("turns priorities on and off", () => {
    expect(togglePriority(undefined, "low")).toBe("low");
    expect(togglePriority("low", "critical")).toBe("critical,low");
    expect(togglePriority("critical,low", "low")).toBe("critical");
    expect(togglePriority("critical", "critical")).toBe("");
  });

  it("asks the server for what stands in the list by default", () => {
    expect(statesOf(undefined)).toBeUndefined();
    expect(statesOf("aside")).toEqual(["shelved", "suppressed", "out_of_service"]);
    expect(statesOf("all")).toHaveLength(9);
  });
});

describe("words of an alarm", () => {
  const alarm = { kind: "reading_outside", detail: { metric: "temperature", unit: "°C" }, value: 251.256, limit: 240 };

  it("tell the values that were compared", () => {
    expect(whyOf(en, alarm, NOW, "UTC")).toBe("temperature 251.26 °C, above 240");
    expect(whyOf(zh, { ...alarm, value: 3 }, NOW, "UTC")).toBe("temperature 3 °C，低于 240");
    expect(whyOf(en, { ...alarm, value: null, limit: null }, NOW, "UTC")).toBe("temperature: no fresh reading");
    expect(whyOf(en, { kind: "order_late", detail: { customer: "Acme", due_ms: NOW - HOUR }, value: 60, limit: 1 }, NOW, "UTC")).toBe("Acme: 1 h past its due date (today 06:00)");
    expect(whyOf(en, { kind: "shortage", detail: { name: "Bar", unit: "pcs", need_ms: NOW + HOUR, comes_ms: null, count: 2 }, value: 4, limit: null }, NOW, "UTC")).toBe("Bar: 4 pieces missing by today 08:00, nothing is on its way; 2 work orders wait");
    expect(whyOf(en, { kind: "something_new", detail: {}, value: 1, limit: 2 }, NOW, "UTC")).toBe("");
  });

  it("are the reader's for what came with the installation, and nobody's else", () => {
    const response = "Stop, look at the last pieces, call quality.";
    expect(responseOf(zh, { rule: "scrap-high", response })).toBe("停机，检查最近的工件，通知质量部门。");
    expect(responseOf(zh, { rule: "scrap-high", response: "Call Mei." })).toBe("Call Mei.");
    expect(responseOf(en, { rule: "scrap-high", response })).toBe(response);
  });

  it("name what it is about without the site", () => {
    expect(subjectOf({ subject_kind: "machine", subject: "plant-1/cutting/line1/m01" })).toBe("cutting / line1 / m01");
    expect(subjectOf({ subject_kind: "order", subject: "SO/1" })).toBe("SO/1");
    expect(causeOf("reading_outside(t)/high:machine:a/b/c/d:e")).toEqual({ meaning: "reading_outside(t)/high", kind: "machine", subject: "a/b/c/d:e" });
  });

  it("say what became of a message", () => {
    const message = { message_id: "x", occurrence: 1, why: "step 0", recipient: "mei", channel: "email", because: "flood", next_at: "2026-11-23T08:00:00Z", decided_at: "2026-11-23T06:00:00Z", sent_at: null, last_error: null };
    expect(messageWords(en, { ...message, state: "waiting", attempts: 3 }, NOW, "UTC")).toBe("3 attempts, again today 08:00");
    expect(messageWords(en, { ...message, state: "gathered", attempts: 0 }, NOW, "UTC")).toBe("Waits for the digest, today 08:00: there was a flood");
    expect(messageWords(en, { ...message, state: "given_up", attempts: 8 }, NOW, "UTC")).toBe("Given up after 8 attempts");
  });
});

describe("sentences of definitions", () => {
  it("read an escalation", () => {
    const body = { steps: [{ after_minutes: 0, tell: ["on-call:night", "mei"], counted: "clock" }, { after_minutes: 90, tell: ["lead"], counted: "shift" }], until: "cleared", tell_cleared: false };
    expect(escalationLine(en, body, new Map([["on-call:night", "Night"], ["lead", "Shift lead"]]))).toBe("At once: on call: Night and mei → after 1 h 30 min of working time: Shift lead. Until it is over.");
    expect(escalationLine(zh, { ...body, tell_cleared: true }, new Map())).toContain("1 小时 30 分工作时间后：lead。直到报警恢复");
  });

  it("read a condition with its limits", () => {
    expect(conditionLine(en, { kind: "pace_below", percent: 70, dead_band: 10 })).toBe("Pace below plan · Percent 70 · Dead band 10");
  });
});

describe("YAML", () => {
  it("is what people write", () => {
    expect(yamlOf("rules", { code: "a-1", name: "Yes: really #1", condition: { kind: "machine_down", states: ["down", "a, b"] }, response: "Go.\nLook.", latching: true, percent: 1.5, enabled: "no" })).toBe(
      'rules:\n  - code: a-1\n    name: "Yes: really #1"\n    condition: {kind: machine_down, states: [down, "a, b"]}\n    response: "Go.\\nLook."\n    latching: true\n    percent: 1.5\n    enabled: "no"\n',
    );
  });

  it("finds a line and column in a text", () => {
    expect(placeIn("ab\ncd\nef", 2, 2)).toBe(4);
    expect(placeIn("ab", 9, 9)).toBe(2);
  });
});

describe("forms by schema", () => {
  const schemas: Schemas = {
    $defs: {
      Down: { type: "object", properties: { kind: { enum: ["down"] }, states: { type: "array", items: { type: "string" }, default: ["down"] } }, required: ["kind"] },
      Pace: { type: "object", properties: { kind: { enum: ["pace"] }, percent: { type: "number", exclusiveMinimum: 0, maximum: 100 } }, required: ["kind", "percent"] },
      Urgency: { enum: ["high", "low"] },
      Step: { type: "object", properties: { after: { type: "integer", minimum: 0, default: 0 }, tell: { type: "array", items: { type: "string" }, minItems: 1 } } },
    },
  };
  const condition: Schema = { anyOf: [{ $ref: "#/$defs/Down" }, { $ref: "#/$defs/Pace" }], discriminator: { propertyName: "kind", mapping: { down: "#/$defs/Down", pace: "#/$defs/Pace" } } };
  const rule: Schema = { type: "object", properties: { code: { type: "string" }, condition, urgency: { $ref: "#/$defs/Urgency", default: "low" }, steps: { type: "array", items: { $ref: "#/$defs/Step" }, minItems: 1 } }, required: ["code", "condition"] };

  it("begin with what is by default", () => {
    expect(blankOf(schemas, rule)).toEqual({ code: "", condition: { kind: "down", states: ["down"] }, urgency: "low", steps: [{ after: 0, tell: [] }] });
    expect(unionOf(schemas, condition, "pace")).toEqual({ kind: "pace", percent: null });
  });

  it("leave out what is by default", () => {
    expect(lean(schemas, rule, { code: "x", condition: { kind: "down", states: ["down"] }, urgency: "low", steps: [{ after: 0, tell: ["mei"] }] })).toEqual({ code: "x", condition: { kind: "down" }, steps: [{ tell: ["mei"] }] });
  });

  it("tell versions apart, field by field", () => {
    expect(differencesOf({ a: 1, b: { c: ["x"] }, d: [{ e: 1 }] }, { a: 1, b: { c: ["x", "y"] }, d: [{ e: 2 }], f: null })).toEqual([
      { path: "b.c", before: "x", after: "x, y" },
      { path: "d.1.e", before: "1", after: "2" },
      { path: "f", before: null, after: "–" },
    ]);
  });
});

describe("last week", () => {
  const episode = (subject: string, raised: string): Trialled["episodes"][number] => ({ cause: `x:machine:${subject}`, subject, site: "s", raised, cleared: null, value: null, limit: null });
  const tried: Trialled = { episodes: [episode("a", "2026-11-21T23:30:00Z"), episode("b", "2026-11-22T10:00:00Z"), episode("c", "2026-11-22T11:00:00Z")], total: 3, per_hour: 0.1, floods: 0, chattering: [], looked_at: 3, basis: "x" };

  it("warns of what matches everything, and of what nobody could answer", () => {
    expect(warningsOf(tried, 3)).toEqual(["matches_all"]);
    expect(warningsOf(tried, 30)).toEqual([]);
    expect(warningsOf({ ...tried, per_hour: 7, floods: 2, chattering: ["x"] }, 30)).toEqual(["too_many", "floods", "chatters"]);
  });

  it("is counted by the reader's days", () => {
    expect(perDay(tried, NOW - 48 * HOUR, NOW, "Europe/Berlin")).toEqual([{ day: "2026-11-21", count: 0 }, { day: "2026-11-22", count: 3 }, { day: "2026-11-23", count: 0 }]);
  });

  it("has days that follow each other", () => {
    expect(dayAfter("2026-12-31")).toBe("2027-01-01");
  });
});

describe("the calendar of a rota", () => {
  it("begins on Monday on the rota's own clock", () => {
    expect(mondayOf(Date.parse("2026-11-22T20:00:00Z"), "Asia/Shanghai", 0)).toBe("2026-11-23");
    expect(mondayOf(Date.parse("2026-11-22T20:00:00Z"), "UTC", 0)).toBe("2026-11-16");
    expect(mondayOf(Date.parse("2026-11-22T20:00:00Z"), "UTC", 4)).toBe("2026-12-14");
  });

  it("cuts turns at the ends of a week", () => {
    const turns = [{ member: "a", start: "2026-11-20T00:00:00Z", end: "2026-11-25T00:00:00Z" }, { member: null, start: "2026-11-25T00:00:00Z", end: "2026-12-30T00:00:00Z" }];
    const [start, end] = [Date.parse("2026-11-23T00:00:00Z"), Date.parse("2026-11-27T00:00:00Z")];
    expect(barsOf(turns, start, end)).toEqual([{ member: "a", from: 0, to: 0.5 }, { member: null, from: 0.5, to: 1 }]);
  });
});

describe("the sound of the wall", () => {
  afterEach(() => { vi.unstubAllGlobals(); });

  it("goes by the board's policy", () => {
    expect(sounds("off", "critical")).toBe(false);
    expect(sounds("critical", "critical")).toBe(true);
    expect(sounds("critical", "high")).toBe(false);
    expect(sounds("high", "high")).toBe(true);
    expect(sounds("high", "medium")).toBe(false);
  });

  it("is faster for what is more urgent", () => {
    expect(tonesOf("critical")).toHaveLength(5);
    expect(tonesOf("high")).toHaveLength(3);
    expect(pauseMs("critical")).toBeLessThan(pauseMs("high"));
  });

  it("is silent where there is no device, and says so", async () => {
    vi.stubGlobal("AudioContext", function noDevice() { throw new Error("no device"); });
    const sounder = new Sounder();
    expect(await sounder.arm()).toBe(false);
    sounder.play("critical");
    sounder.close();
    expect(sounder.ready).toBe(false);
  });
});
