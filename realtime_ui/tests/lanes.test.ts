import { describe, expect, it } from "vitest";
import type { PlanBar, PlanMachine, PlanResource, Policy } from "../src/api/types.ts";
import { barOf, machineOf, resourceOf, type Bar, type MachineRow, type ResourceRow } from "../src/plan/gantt/bars.ts";
import { loadWith, plannedLoads } from "../src/plan/gantt/batches.ts";
import { Camera } from "../src/plan/gantt/camera.ts";
import { pullOf } from "../src/plan/gantt/edge.ts";
import { GLIDE_MS, glided, isGliding } from "../src/plan/gantt/glide.ts";
import { commandOf } from "../src/plan/gantt/keys.ts";
import { awayPlaces, needOf, needsOf, rowsByResource } from "../src/plan/gantt/lanes.ts";
import { layOut } from "../src/plan/gantt/layout.ts";
import { loadOf } from "../src/plan/gantt/load.ts";
import { rowsByMachine } from "../src/plan/gantt/rows.ts";
import { SHORTEST, ticksOf } from "../src/plan/gantt/scale.ts";
import { draftOf } from "../src/plan/whatif/drafting.ts";
import { newWish, viewOf, wished, type Known, type Wish, type WishKind } from "../src/plan/whatif/wishes.ts";

const NOW = Date.parse("2026-11-22T08:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (minutes: number): string => new Date(NOW + minutes * MINUTE).toISOString();
const span = (from: number, to: number): { from: number; to: number } => ({ from: NOW + from * MINUTE, to: NOW + to * MINUTE });

function view(id: number, from: number, to: number, change: Partial<PlanBar> = {}): PlanBar {
  return {
    operation_id: id,
    work_order: `WO-${id}`,
    operation: 10,
    name: "Welding",
    item: "Frame",
    family: "steel",
    customer: "Acme",
    order_number: `SO-${id}`,
    priority: 0,
    state: "planned",
    machine: "s/a/l1/m1",
    setup_start: at(from),
    start: at(from),
    end: at(to),
    pin: null,
    on_hold: false,
    projected_machine: null,
    projected_start: null,
    projected_end: null,
    quantity_ordered: 100,
    good_pieces: 0,
    due: null,
    lateness_minutes: null,
    after: [],
    ...change,
  };
}

const bar = (id: number, from: number, to: number, change: Partial<PlanBar> = {}): Bar => barOf(view(id, from, to, change), undefined, 0);

function machine(name: string, change: Partial<PlanMachine> = {}): [string, MachineRow] {
  const path = `s/a/l1/${name}`;
  return [path, machineOf({ machine: path, name, site: "s", area: "a", line: "l1", position: 1, state: "idle", reason: null, state_since: null, unavailable: [], ...change })];
}

function person(id: number, name: string, change: Partial<PlanResource> = {}): ResourceRow {
  return resourceOf({ id, code: `p${id}`, name, site: "s", kind: "operator", quantity: 1, skills: ["welder"], unavailable: [], ...change });
}

const machines = new Map([machine("m1"), machine("m2"), machine("m3")]);

describe("what work needs", () => {
  it("is read as master data writes it", () => {
    expect(needOf("welder")).toEqual({ skill: "welder", count: 1, during: "both" });
    expect(needOf("welder=2@setup")).toEqual({ skill: "welder", count: 2, during: "setup" });
    expect(needOf("crane@run")).toEqual({ skill: "crane", count: 1, during: "run" });
  });

  it("is the step's and the machine's", () => {
    const known = new Map([machine("m1", { needs: ["setter@setup"] })]);
    expect(needsOf(bar(1, 0, 60, { needs: ["welder"] }), known).map((need) => need.skill)).toEqual(["welder", "setter"]);
  });
});

describe("lanes of people and tools", () => {
  it("puts work side by side, each in the first place that is free", () => {
    const bars = [bar(1, 0, 60, { needs: ["welder"] }), bar(2, 30, 90, { needs: ["welder"], machine: "s/a/l1/m2" }), bar(3, 60, 120, { needs: ["welder"] }), bar(4, 0, 60)];
    const [group, ...others] = rowsByResource([person(1, "Anna"), person(2, "Bert")], bars, machines);
    expect(others).toEqual([]);
    expect(group).toMatchObject({ label: "welder", detail: "Anna, Bert" });
    expect(group?.rows.map((row) => row.planned.map((each) => each.id))).toEqual([[1, 3], [2]]);
  });

  it("holds two places where two are needed, and finds both under one bar", () => {
    const groups = rowsByResource([person(1, "Anna"), person(2, "Bert")], [bar(1, 0, 60, { needs: ["welder=2"] })], machines);
    expect(groups[0]?.rows.map((row) => row.planned.length)).toEqual([1, 1]);
    expect(layOut(groups).places.get(1)).toBeDefined();
  });

  it("is the tool's own name, and a set-up needs it only so long", () => {
    const crane = resourceOf({ id: 9, code: "crane", name: "Crane 5 t", site: "s", kind: "tool", quantity: 1, skills: [], unavailable: [] });
    const bars = [bar(1, 10, 60, { setup_start: at(0), needs: ["crane@setup"] }), bar(2, 20, 60, { setup_start: at(10), needs: ["crane@setup"], machine: "s/a/l1/m2" }), bar(3, 70, 90, { needs: ["crane@setup"] })];
    const [group] = rowsByResource([crane], bars, machines);
    expect(group?.label).toBe("Crane 5 t");
    // The third one has no set-up: it never needs the crane.
    expect(group?.rows.map((row) => row.planned.map((each) => each.id))).toEqual([[1, 2]]);
    expect(group?.rows[0]?.planned.map((each) => each.planned)).toEqual([span(0, 10), span(10, 20)]);
  });

  it("lets people go elsewhere in a machine's breaks", () => {
    const known = new Map([machine("m1", { unavailable: [[at(60), at(120), "closed"]] }), machine("m2")]);
    const bars = [bar(1, 0, 180, { needs: ["welder"] }), bar(2, 60, 120, { needs: ["welder"], machine: "s/a/l1/m2" })];
    expect(rowsByResource([person(1, "Anna")], bars, known)[0]?.rows).toHaveLength(1);
  });

  it("shades the last places while somebody is away, and says who", () => {
    const ill = person(1, "Anna", { unavailable: [[at(0), at(60), "absent:ill"]] });
    const late = person(2, "Bert", { unavailable: [[at(-60), at(30), "closed"]] });
    const [first, second, third] = awayPlaces([ill, late, person(3, "Cem")]);
    expect(first).toEqual([]);
    expect(second).toEqual([{ ...span(0, 30), why: "closed" }]);
    expect(third).toEqual([{ ...span(-60, 0), why: "closed" }, { ...span(0, 60), why: "absent:ill\nAnna" }]);
  });

  it("counts so many of several alike as away", () => {
    const places = awayPlaces([person(1, "Welders", { quantity: 3, unavailable: [[at(0), at(60), "absent:course", "2"]] })]);
    expect(places.map((each) => each.length)).toEqual([0, 1, 1]);
  });

  it("prefers places whose people are there", () => {
    const away = person(1, "Anna", { quantity: 2, unavailable: [[at(0), at(600), "closed"]] });
    const bars = [bar(1, 0, 60, { needs: ["welder"] }), bar(2, 0, 60, { needs: ["welder"], machine: "s/a/l1/m2" })];
    const [group] = rowsByResource([away, person(2, "Bert", { quantity: 2 })], bars, machines);
    expect(group?.rows.map((row) => row.planned.length)).toEqual([1, 1, 0, 0]);
  });
});

describe("how full a row is", () => {
  it("is the planned part of its working time, overlaps counted once", () => {
    const holds = [bar(1, 0, 60), bar(2, 30, 60)];
    expect(loadOf(holds, [], span(0, 120))).toBe(0.5);
    expect(loadOf(holds, [{ ...span(60, 120), why: "closed" }], span(0, 120))).toBe(1);
    expect(loadOf([bar(1, 10, 60, { setup_start: at(0) })], [], span(0, 120))).toBe(0.5);
    expect(loadOf(holds, [{ ...span(-10, 200), why: "closed" }], span(0, 120))).toBeNull();
  });
});

describe("an oven", () => {
  const oven = machine("oven", { batch_capacity: 10 });
  const inOven = (id: number, change: Partial<PlanBar> = {}): Bar => bar(id, 0, 60, { machine: "s/a/l1/oven", ...change });

  it("shows what it takes at once as one bar, as late as the latest of them", () => {
    const [first, second, alone] = [inOven(1, { lateness_minutes: -10 }), inOven(2, { lateness_minutes: 30 }), bar(3, 70, 90, { machine: "s/a/l1/oven" })];
    const bars = [first, second, alone];
    const shown = plannedLoads(oven[1], bars);
    expect(shown.map((each) => [each.id, each.batch?.length ?? 1, each.view.lateness_minutes])).toEqual([[1, 2, 30], [3, 1, null]]);
    expect(loadWith(second, bars, new Map([oven])).map((each) => each.id)).toEqual([1, 2]);
    expect(loadWith(alone, bars, new Map([oven]))).toEqual([]);
    const layout = layOut(rowsByMachine([oven[1]], bars));
    expect(layout.places.get(2)).toBe(layout.places.get(1));
  });

  it("leaves other machines as they are", () => {
    const bars = [bar(1, 0, 60), bar(2, 0, 60)];
    expect(plannedLoads(machine("m1")[1], bars)).toBe(bars);
  });
});

describe("a bar that a plan moves", () => {
  const before = bar(1, 0, 60);
  const moved = barOf(view(1, 60, 120, { machine: "s/a/l1/m2" }), before, 1_000);

  it("is on its way for a moment, in time and between rows", () => {
    const start = glided(moved, 1_000, 48);
    expect([start.bar.planned, start.rise]).toEqual([before.planned, 48]);
    const middle = glided(moved, 1_000 + GLIDE_MS / 2, 48);
    expect(middle.bar.planned?.from).toBeGreaterThan(NOW + 30 * MINUTE);
    expect(middle.rise).toBeLessThan(24);
    expect(isGliding(moved, 1_000 + GLIDE_MS)).toBe(false);
    expect(glided(moved, 1_000 + GLIDE_MS, 48)).toEqual({ bar: moved, rise: 0 });
  });

  it("stands still where only its projection drifts", () => {
    const drifted = barOf(view(1, 0, 60, { projected_start: at(5), projected_end: at(65) }), before, 1_000);
    expect(isGliding(drifted, 1_000)).toBe(false);
  });
});

describe("the edge of the chart", () => {
  const window = { left: 200, top: 48, right: 1_200, bottom: 600 };

  it("pulls what is carried to it, the more the nearer", () => {
    expect(pullOf({ x: 700, y: 300 }, window)).toEqual({ x: 0, y: 0 });
    expect(pullOf({ x: 1_190, y: 300 }, window).x).toBeGreaterThan(pullOf({ x: 1_165, y: 300 }, window).x);
    expect(pullOf({ x: 1_165, y: 300 }, window).x).toBeGreaterThan(0);
    expect(pullOf({ x: 205, y: 595 }, window).x).toBeLessThan(0);
    expect(pullOf({ x: 205, y: 595 }, window).y).toBeGreaterThan(0);
    expect(pullOf({ x: 5_000, y: 300 }, window).x).toBe(900);
  });
});

describe("the time axis", () => {
  it("goes on to a minute, with seconds", () => {
    expect(SHORTEST).toBe(MINUTE);
    expect(ticksOf({ from: NOW, to: NOW + MINUTE, width: 1_200 }, "UTC", 56).step).toBe(5_000);
    expect(ticksOf({ from: NOW, to: NOW + 3 * MINUTE, width: 600 }, "UTC", 56).step).toBe(30_000);
  });

  it("does not open on a single minute", () => {
    const camera = new Camera(NOW);
    camera.open(NOW, NOW + MINUTE, 14 * HOUR);
    expect(camera.view.to - camera.view.from).toBe(15 * MINUTE);
  });
});

describe("undo", () => {
  const press = { key: "z", shiftKey: false, ctrlKey: true, metaKey: false, altKey: false };

  it("is Ctrl + Z, and puts back what is in hand", () => {
    expect(commandOf(press)).toEqual({ kind: "undo" });
    expect(commandOf({ ...press, ctrlKey: false, metaKey: true }, true)).toEqual({ kind: "put_back" });
    expect(commandOf({ ...press, shiftKey: true })).toBeNull();
  });

  it("makes the draft of the steps that are left", () => {
    const move = (start: number): { kind: "move"; operation: number; machine: string; start: string } => ({ kind: "move", operation: 1, machine: "m", start: at(start) });
    const steps = [{ changes: [move(10)], settle: "shift" as const }, { changes: [{ kind: "remove_order" as const, order: "SO-1" }], settle: "plan" as const }];
    expect(draftOf(steps, "try")).toMatchObject({ name: "try", settle: "plan", improve_ms: 1_000, changes: [move(10), { kind: "remove_order" }] });
    expect(draftOf(steps.slice(0, 1), "try")).toMatchObject({ settle: "shift", improve_ms: 0, changes: [move(10)] });
    expect(draftOf([], "try")).toBeNull();
  });
});

describe("what somebody thinks of", () => {
  const policy: Policy = { order: ["tardiness"], move_tolerance_ms: 15 * MINUTE, frozen_ms: 10 * MINUTE, displacement: "lower" };
  const bars = new Map([[7, bar(7, 0, 60)]]);
  const known: Known = { now: NOW, machines, bars, resources: new Map([[4, { id: 4, name: "Welders", quantity: 3 }]]), items: [{ code: "frame", name: "Frame" }], policy, site: "s", instant: (local) => `${local}:00Z` };
  const wish = (kind: WishKind, change: Partial<Wish> = {}): Wish => ({ ...newWish(kind, NOW, (time) => new Date(time).toISOString().slice(0, 16), policy), ...change });
  const changes = (kind: WishKind, change: Partial<Wish>): unknown => wished(wish(kind, change), known);

  it("is overtime or a stop of a machine, or of a whole line", () => {
    expect(changes("overtime", { where: "s/a/l1/m2" })).toEqual({ changes: [{ kind: "overtime", machine: "s/a/l1/m2", starts_at: "2026-11-22T08:00:00Z", ends_at: "2026-11-22T16:00:00Z" }] });
    const line = wished(wish("machine_down", { where: "s/a/l1" }), known);
    expect("changes" in line ? line.changes.map((each) => ("machine" in each ? each.machine : "")) : []).toEqual(["s/a/l1/m1", "s/a/l1/m2", "s/a/l1/m3"]);
  });

  it("says what is missing", () => {
    expect(changes("overtime", {})).toEqual({ missing: "machine" });
    expect(changes("overtime", { where: "s/a/l1", until: "" })).toEqual({ missing: "span" });
    expect(changes("overtime", { where: "s/a/l1", until: "2026-11-22T07:00" })).toEqual({ missing: "backwards" });
    expect(changes("machine_down", { where: "s/a/l1", from: "2026-11-22T05:00", until: "2026-11-22T06:00" })).toEqual({ missing: "past" });
    expect(changes("priority", { order: "SO-1", priority: "1.5" })).toEqual({ missing: "priority" });
    expect(changes("add_order", { item: "nothing known", quantity: "3" })).toEqual({ missing: "item" });
    expect(changes("add_order", { item: "frame", quantity: "0" })).toEqual({ missing: "quantity" });
    expect(changes("material", { operation: "WO-9 · 10" })).toEqual({ missing: "operation" });
  });

  it("is an order, its priority, its material", () => {
    expect(changes("priority", { order: " SO-1 ", priority: "9" })).toEqual({ changes: [{ kind: "priority", order: "SO-1", priority: 9 }] });
    expect(changes("remove_order", { order: "SO-1" })).toEqual({ changes: [{ kind: "remove_order", order: "SO-1" }] });
    expect(changes("add_order", { item: "Frame", quantity: "3" })).toMatchObject({ changes: [{ kind: "add_order", lines: [{ item: "frame", quantity: 3 }], site: "s" }] });
    expect(changes("material", { operation: "WO-7 · 10", at: "2026-11-22T12:00" })).toEqual({ changes: [{ kind: "material", operation: 7, at: "2026-11-22T12:00:00Z" }] });
  });

  it("is somebody away, or one more", () => {
    const times = { starts_at: "2026-11-22T08:00:00Z", ends_at: "2026-11-22T16:00:00Z" };
    expect(changes("resource_away", {})).toEqual({ missing: "resource" });
    expect(changes("resource_away", { resource: "4", count: "2" })).toEqual({ changes: [{ kind: "resource_away", resource: 4, count: 2, ...times }] });
    expect(changes("resource_away", { resource: "4", count: "3" })).toEqual({ changes: [{ kind: "resource_away", resource: 4, ...times }] });
    expect(changes("more_of_resource", { skill: "welder", count: "0" })).toEqual({ missing: "count" });
    expect(changes("more_of_resource", { skill: "welder" })).toEqual({ changes: [{ kind: "more_of_resource", resource: "welder", count: 1, site: "s", ...times }] });
    expect(changes("due", { order: "SO-1", due: "2026-11-23T12:00" })).toEqual({ changes: [{ kind: "due", order: "SO-1", due: "2026-11-23T12:00:00Z" }] });
  });

  it("is only what differs of a policy", () => {
    expect(changes("policy", {})).toEqual({ missing: "policy" });
    expect(changes("policy", { goals: ["setup", "tardiness", ""], moveTolerance: "30" })).toEqual({ changes: [{ kind: "policy", fields: { order: ["setup", "tardiness"], move_tolerance_ms: 30 * MINUTE } }] });
    expect(changes("policy", { goals: ["setup", "setup", ""] })).toEqual({ missing: "goals" });
    expect(changes("policy", { displacement: "any" })).toEqual({ changes: [{ kind: "policy", fields: { displacement: "any" } }] });
  });

  it("is told as the API would tell it", () => {
    expect(viewOf({ kind: "material", operation: 7, at: at(0) }, bars, known.resources)).toMatchObject({ operation: { work_order: "WO-7", operation: 10 }, starts_at: at(0) });
    expect(viewOf({ kind: "policy", fields: { order: ["setup"] } }, bars, known.resources)).toMatchObject({ kind: "policy", fields: { order: ["setup"] } });
  });
});
