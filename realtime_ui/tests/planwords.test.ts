import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { OperationDifference, PlanDifferences, PlanLateCause, PlanSummary, Policy } from "../src/api/types.ts";
import { createTranslator, type Language } from "../src/i18n/translator.ts";
import { differencesCsv } from "../src/plan/csv.ts";
import { csvOf } from "../src/ui/csv.ts";
import { formOf, policyOf } from "../src/plan/fields.ts";
import { barOf, machineOf } from "../src/plan/gantt/bars.ts";
import { barWords, chartWords, stateWords, unavailableWords } from "../src/plan/gantt/phrases.ts";
import type { PlanTranslator } from "../src/plan/language.tsx";
import { causeSentence, causeWords, disruptionWords, lateCauseWords, latenessWords, lifeWords, methodWords, operationDifferenceWords, orderDifferenceWords, publisherWords, reasonsWords, solveWords, stateOf, waitingSentence, waitingWords, type Telling } from "../src/plan/words.ts";

function words(language: Language): PlanTranslator {
  const texts: Record<string, string> = {};
  for (const group of ["common", "staff", "plan"]) Object.assign(texts, JSON.parse(readFileSync(`messages/${language}/${group}.json`, "utf8")));
  return createTranslator(language, texts);
}

const NOW = Date.parse("2026-11-22T08:00:00Z");
const at = (minutes: number): string => new Date(NOW + minutes * 60_000).toISOString();
const names: Record<string, string> = { "s/a/l/press": "Press 250 t", "s/a/l/weld-01": "weld-01", "s/a/l/weld-02": "weld-02" };
const en: Telling = { t: words("en"), now: NOW, zone: "UTC", machine: (path) => names[path] ?? path };
const zh: Telling = { ...en, t: words("zh-CN") };

describe("causes", () => {
  const down = { kind: "machine_down", machine: "s/a/l/press", detail: { reason: "drive_overload" } };

  it("name the machine as people do, with the reason of its stop", () => {
    expect(causeWords(en, down)).toBe("Press 250 t is down (drive overload)");
    expect(causeWords(zh, down)).toBe("Press 250 t 停机（驱动过载）");
    expect(causeWords(en, { ...down, detail: { reason: null } })).toBe("Press 250 t is down");
  });

  it("are told for every kind", () => {
    const told = (kind: string, rest: object = {}): string => causeWords(en, { kind, ...rest });
    expect(told("machine_up", { machine: "s/a/l/press" })).toBe("Press 250 t works again");
    expect(told("operation_late", { work_order: "WO-12", operation: 20, detail: { minutes: 14 } })).toBe("WO-12 · 20 ends 14 min too late for what follows");
    expect(told("promise_at_risk", { order: "SO-4", detail: { minutes: 95 } })).toBe("order SO-4 would be 1 h 35 min later than promised");
    expect(told("work_released", { work_order: "WO-12" })).toBe("WO-12 was released");
    expect(told("rush_order", { order: "SO-4" })).toBe("rush order SO-4 came in");
    expect(told("order_changed", { order: "SO-4" })).toBe("order SO-4 was changed");
    expect(told("order_cancelled", { order: "SO-4" })).toBe("order SO-4 was cancelled");
    expect(told("calendar_changed")).toBe("working times or set-ups were changed");
    expect(told("calendar_changed", { detail: { what: "policy", by: "anna" } })).toBe("the policy was changed by anna");
    expect(told("requested", { detail: { by: "anna", reason: "night shift" } })).toBe("anna asked for a new plan (“night shift”)");
    expect(told("something_new")).toBe("something new");
  });

  it("begin a sentence with a capital letter, unless a name does", () => {
    expect(causeSentence(en, { kind: "rush_order", order: "SO-4" })).toBe("Rush order SO-4 came in");
    expect(causeSentence(en, { kind: "machine_down", machine: "s/a/l/weld-01" })).toBe("weld-01 is down");
    expect(causeSentence(en, { kind: "requested", detail: { by: "anna", reason: "x" } })).toBe("anna asked for a new plan (“x”)");
  });

  it("are told together, each once, many of them counted", () => {
    const rush = (order: string): { kind: string; order: string } => ({ kind: "rush_order", order });
    expect(reasonsWords(en, [down, down, rush("SO-4")])).toBe("Press 250 t is down (drive overload) and rush order SO-4 came in");
    expect(reasonsWords(zh, [down, rush("SO-4")])).toBe("Press 250 t 停机（驱动过载）；插单 SO-4");
    expect(reasonsWords(en, [rush("1"), rush("2"), rush("3"), rush("4"), rush("5")], true)).toBe("Rush order 1 came in, rush order 2 came in, and 3 more things happened");
  });

  it("of a disruption say what came of it", () => {
    const view = { id: 1, site: null, kind: "rush_order", machine: null, work_order: null, operation: null, order_number: "SO-4", occurred: at(0), raised: at(0), detail: {}, handled: null, outcome: null, plan_number: null };
    expect(disruptionWords(en, view)).toBe("Rush order SO-4 came in");
    expect(stateOf(view)).toBe("open");
    expect(stateOf({ handled: at(1), outcome: "planned" })).toBe("planned");
    expect(stateOf({ handled: at(1), outcome: "no_change" })).toBe("no_change");
    expect(stateOf({ handled: at(1), outcome: "failed" })).toBe("failed");
  });
});

const moved: OperationDifference = { kind: "reassigned", operation_id: 1, work_order: "WO-12", operation: 20, name: "Welding", order: "SO-4", from_machine: "s/a/l/weld-01", to_machine: "s/a/l/weld-02", from_start: at(0), to_start: at(25), from_end: at(60), to_end: at(85), minutes: 25 };
const order = { order: "SO-4", customer: "Acme", from_end: at(70), to_end: at(95), due: at(75), minutes: 25 };

describe("differences", () => {
  it("of an operation read like a message from a colleague", () => {
    expect(operationDifferenceWords(en, moved)).toBe("WO-12 · 20 Welding moves from weld-01 to weld-02, starts 25 min later");
    expect(operationDifferenceWords(zh, moved)).toBe("WO-12 · 20 Welding：由 weld-01 改到 weld-02，开工推迟 25 分钟");
    expect(operationDifferenceWords(en, { ...moved, minutes: 0 })).toContain("starts at the same time");
    expect(operationDifferenceWords(en, { ...moved, kind: "earlier", minutes: -25 })).toBe("WO-12 · 20 Welding on weld-02: starts 25 min earlier (08:00 → 08:25)");
    expect(operationDifferenceWords(en, { ...moved, kind: "added", name: null, from_machine: null })).toBe("WO-12 · 20 is new: on weld-02, 08:25");
    expect(operationDifferenceWords(en, { ...moved, kind: "removed" })).toBe("WO-12 · 20 Welding is not planned any more");
  });

  it("of an order tell both ends and how late that is", () => {
    expect(orderDifferenceWords(en, order)).toBe("Order SO-4: 09:10 → 09:35 (late 20 min)");
    expect(orderDifferenceWords(zh, order)).toBe("订单 SO-4：09:10 → 09:35（逾期 20 分钟）");
    expect(orderDifferenceWords(en, { ...order, due: null })).toBe("Order SO-4: 09:10 → 09:35");
    expect(orderDifferenceWords(en, { ...order, from_end: null })).toBe("Order SO-4: new, 09:35 (late 20 min)");
    expect(orderDifferenceWords(en, { ...order, to_end: null })).toBe("Order SO-4: done or withdrawn");
  });

  it("as CSV are quoted, and never a formula", () => {
    expect(csvOf([["a", 1, null], ['say "hi", then', "=1+1", "-5"]])).toBe("a,1,\r\n\"say \"\"hi\"\", then\",'=1+1,'-5\r\n");
    const differences: PlanDifferences = { plan: 2, number: 2, against: 1, against_number: 1, operations: [moved], orders: [{ ...order, customer: "@evil" }] };
    const lines = differencesCsv(en, differences).trimEnd().split("\r\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]?.split(",")).toHaveLength(15);
    expect(lines[1]).toContain("'@evil");
    expect(lines[2]?.startsWith("reassigned,SO-4,,WO-12,20,Welding,s/a/l/weld-01,s/a/l/weld-02,")).toBe(true);
  });
});

describe("why an order is late", () => {
  const cause: PlanLateCause = { cause: "machine_busy", machine: "s/a/l/weld-01", work_order: "WO-12", operation: 20, behind: { work_order: "WO-3", operation: 10 }, since: at(30), wait_minutes: 70 };

  it("is told link by link", () => {
    const told = (part: Partial<PlanLateCause>): string => lateCauseWords(en, { ...cause, ...part });
    expect(told({})).toBe("WO-12 · 20 waits 1 h 10 min for weld-01, busy with WO-3 · 10");
    expect(told({ behind: null })).toBe("WO-12 · 20 waits 1 h 10 min for weld-01, busy with other work");
    expect(told({ cause: "predecessor" })).toBe("WO-12 · 20 waits for WO-3 · 10");
    expect(told({ cause: "unavailable" })).toBe("weld-01 does not work from 08:30 on");
    expect(told({ cause: "unavailable", since: null })).toBe("weld-01 does not work");
    expect(told({ cause: "release" })).toBe("WO-12 · 20 may not start before 08:30");
    expect(told({ cause: "work" })).toBe("WO-12 · 20 takes longer than there is time");
  });
});

const metrics: PlanSummary["metrics"] = { cost: 1, weighted_tardiness: 0, tardiness: 60, tardy_jobs: 1, most_tardy: 60, makespan: 1, setup: 1, reassigned: 0, moved: 0, shifted: 0 };

describe("a plan", () => {
  it("says who published it, how it was found and how long that took", () => {
    expect(publisherWords(en.t, null)).toBe("the planning engine");
    expect(publisherWords(en.t, "planner")).toBe("planner");
    expect(publisherWords(en.t, "anna")).toBe("anna");
    expect(methodWords(en.t, "right_shift")).toBe("In the order of the plan before; new work last");
    expect(methodWords(en.t, "dispatch:edd")).toBe("Rerouted by rule: earliest due date first");
    expect(methodWords(en.t, "dispatch:planned_gentle")).toBe("Rerouted by rule: as planned before, gently, the rest stays");
    expect(methodWords(zh.t, "dispatch:planned_due_keep")).toBe("规则派工：按原顺序，新工单按交期（其余不变）");
    expect(methodWords(zh.t, "cp_sat")).toBe("优化求解（CP-SAT）");
    expect(solveWords(en.t, 84)).toBe("84 ms");
    expect(solveWords(en.t, 2_340)).toBe("2.3 s");
  });

  it("says what waiting would have cost", () => {
    const waiting = (change: Partial<PlanSummary["metrics"]>): string | null => waitingWords(en.t, { metrics, waiting: { ...metrics, ...change } });
    expect(waiting({ tardiness: 320, tardy_jobs: 3 })).toBe("4 h 20 min more lateness · 2 more late work orders");
    expect(waiting({})).toBe("just as much lateness");
    expect(waiting({ tardiness: 50 })).toBe("10 min less lateness");
    expect(waitingWords(en.t, { metrics, waiting: null })).toBeNull();
    expect(waitingSentence(en.t, { metrics, waiting: metrics })).toBe("Merely waiting would have come to the same");
    expect(waitingSentence(zh.t, { metrics, waiting: { ...metrics, tardiness: 70 } })).toBe("若原地等待，将多逾期 10 分钟");
    expect(waitingSentence(en.t, { metrics, waiting: null })).toBe("");
  });

  it("says when it was in force", () => {
    const plan = { created_at: at(-60), published_at: at(-30), published_by: "anna", superseded_at: at(-10) };
    expect(lifeWords(en, { ...plan, state: "published" })).toBe("in force since 07:30, by anna");
    expect(lifeWords(en, { ...plan, state: "superseded" })).toBe("in force 07:30 – 07:50, by anna");
    expect(lifeWords(en, { ...plan, state: "draft" })).toBe("made 07:00, not published");
    expect(lifeWords(zh, { ...plan, state: "discarded" })).toBe("07:00 生成，已放弃");
  });

  it("tells lateness in words", () => {
    expect([80, 3, -120, null].map((minutes) => latenessWords(en.t, minutes))).toEqual(["late 1 h 20 min", "on time", "2 h early", null]);
    expect(latenessWords(zh.t, 80)).toBe("逾期 1 小时 20 分");
  });
});

describe("the chart's words", () => {
  const machine = machineOf({ machine: "s/a/l/press", name: "Press 250 t", site: "s", area: "a", line: "l", position: 1, state: "down", reason: "drive_overload", state_since: at(-12), unavailable: [] });
  const bar = barOf({ operation_id: 1, work_order: "WO-12", operation: 20, name: "Welding", item: "Bracket", family: null, customer: "Acme", order_number: "SO-4", priority: 0, state: "planned", machine: "s/a/l/weld-01", setup_start: null, start: at(0), end: at(60), pin: null, on_hold: false, projected_machine: "s/a/l/weld-02", projected_start: at(0), projected_end: at(60), quantity_ordered: 1, good_pieces: 0, due: null, lateness_minutes: 80, after: [] }, undefined, 0);

  it("say how long a machine is down, and why", () => {
    expect(stateWords(en.t, machine, NOW)).toBe("Down 12 min · Drive overload");
    expect(stateWords(en.t, machineOf({ ...machine.view, state: "running" }), NOW)).toBe("Running");
    expect(unavailableWords(en.t, "exception:Maintenance")).toBe("Maintenance");
    expect(unavailableWords(zh.t, "down")).toBe("停机");
  });

  it("name a bar by what its row does not say", () => {
    expect(chartWords(en.t, "UTC", "machine", en.machine).label(bar)).toBe("SO-4 · Welding · Bracket");
    expect(chartWords(en.t, "UTC", "order", en.machine).label(bar)).toBe("Welding · weld-02");
    expect(chartWords(en.t, "UTC", "order", en.machine).late(80)).toBe("late 1 h 20 min");
    expect(barWords(en.t, bar, "08:00 – 09:00")).toBe("WO-12 · 20 Welding, Bracket, Acme, Planned, 08:00 – 09:00, late 1 h 20 min");
  });
});

describe("the policy's form", () => {
  const policy: Policy = { publish: "auto", frozen_ms: 600_000, debounce_ms: 200, down_threshold_ms: 90_000, repair_ms: 1_800_000, tolerance_ms: 600_000, rush_priority: 8, improve_ms: 2_500, move_tolerance_ms: 900_000, horizon_ms: 864_000_000, tardiness: 20, reassignment: 40, move: 1, setup: 1, makespan: 0, balance: 0, resequencing: 0, order: ["tardiness", "setup"], displacement: "same" };

  it("is typed in people's units and comes back as it was", () => {
    const form = formOf(policy);
    expect(form["down_threshold_ms"]).toBe("1.5");
    expect(form["improve_ms"]).toBe("2.5");
    expect(policyOf(policy, form)).toEqual(policy);
  });

  it("sends what was typed and leaves what cannot be read", () => {
    // A goal that stands twice says nothing: the order stays as it was.
    expect(policyOf(policy, { ...formOf(policy), goals: "setup,setup," })).toEqual(policy);
    expect(policyOf(policy, { ...formOf(policy), goals: "setup,,", displacement: "any" })).toEqual({ ...policy, order: ["setup"], displacement: "any" });
    expect(policyOf(policy, { ...formOf(policy), publish: "draft", frozen_ms: "20", rush_priority: "", tardiness: "x" })).toEqual({ ...policy, publish: "draft", frozen_ms: 1_200_000 });
  });
});
