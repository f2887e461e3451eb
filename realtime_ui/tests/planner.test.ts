import { describe, expect, it } from "vitest";
import type { DraftChange, Help, PlanBar, PlannedOperation } from "../src/api/types.ts";
import { barOf, type Bar } from "../src/plan/gantt/bars.ts";
import { ghostsOf } from "../src/plan/gantt/ghosts.ts";
import { Hand, mayMove } from "../src/plan/gantt/hand.ts";
import { commandOf } from "../src/plan/gantt/keys.ts";
import { loadPlanWords } from "../src/plan/language.tsx";
import { lastMoves } from "../src/plan/whatif/drafting.ts";
import { barNamed } from "../src/plan/whatif/helps.ts";
import { wishOf, type RushForm } from "../src/plan/whatif/rush.tsx";
import { changeWords, effectWords, helpWords, orderShiftWords, shareWords } from "../src/plan/whatif/words.ts";
import type { Telling } from "../src/plan/words.ts";

const NOW = Date.parse("2026-11-22T08:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (minutes: number): string => new Date(NOW + minutes * MINUTE).toISOString();

function bar(change: Partial<PlanBar> = {}): Bar {
  const view: PlanBar = {
    operation_id: 1,
    work_order: "WO-1",
    operation: 10,
    name: "Stamping",
    item: "Bracket",
    family: "steel",
    customer: "Acme",
    order_number: "SO-1",
    priority: 0,
    state: "planned",
    machine: "s/a/l1/m1",
    setup_start: at(0),
    start: at(10),
    end: at(60),
    pin: null,
    on_hold: false,
    projected_machine: null,
    projected_start: null,
    projected_end: null,
    quantity_ordered: 100,
    good_pieces: 0,
    due: at(120),
    lateness_minutes: -50,
    after: [],
    ...change,
  };
  return barOf(view, undefined, 0);
}

function known(...bars: Bar[]): Map<number, Bar> {
  return new Map(bars.map((each) => [each.id, each]));
}

const words: Telling = { t: await loadPlanWords("en"), now: NOW, zone: "UTC", machine: (path) => (path === "s/a/l1/m1" ? "Press 250 t" : (path.split("/").at(-1) ?? path)) };
const chinese: Telling = { ...words, t: await loadPlanWords("zh-CN") };

describe("the planner's hand", () => {
  it("takes what has not begun and has a place", () => {
    expect(mayMove(bar())).toBe(true);
    expect(["running", "paused", "completed"].map((state) => mayMove(bar({ state })))).toEqual([false, false, false]);
    expect(mayMove(bar({ machine: null, start: null, end: null }))).toBe(false);
    expect(new Hand().take(bar({ state: "running" }), null)).toBe(false);
  });

  it("carries it by the place where it was taken, in whole minutes", () => {
    const hand = new Hand();
    expect(hand.take(bar(), NOW + 30 * MINUTE)).toBe(true);
    hand.carry("s/a/l1/m2", NOW + 90 * MINUTE + 20_000, NOW);
    expect(hand.held).toMatchObject({ machine: "s/a/l1/m2", start: NOW + 70 * MINUTE, length: 50 * MINUTE });
    hand.carry(null, NOW + 100 * MINUTE, NOW);
    expect(hand.held?.machine).toBe("s/a/l1/m2");
  });

  it("never plans the past", () => {
    const hand = new Hand();
    hand.take(bar(), null);
    hand.carry(null, NOW - HOUR, NOW + 1);
    expect(hand.held?.start).toBe(NOW + MINUTE);
  });

  it("steps by five minutes, by an hour with Shift, and from machine to machine", () => {
    const hand = new Hand();
    hand.take(bar(), null);
    const machines = ["s/a/l1/m1", "s/a/l1/m2"];
    hand.step("right", false, machines, NOW);
    hand.step("right", true, machines, NOW);
    hand.step("down", false, machines, NOW);
    hand.step("down", false, machines, NOW);
    expect(hand.held).toMatchObject({ machine: "s/a/l1/m2", start: NOW + 75 * MINUTE });
  });

  it("puts down what is elsewhere, and nothing that stayed where it was", () => {
    const hand = new Hand();
    hand.take(bar(), null);
    expect(hand.open()).toBeNull();
    hand.take(bar(), null);
    hand.step("right", false, [], NOW);
    expect(hand.open()?.start).toBe(NOW + 15 * MINUTE);
    expect(hand.held).toBeNull();
  });
});

describe("keys with an operation in hand", () => {
  const press = (key: string, shiftKey = false): Parameters<typeof commandOf>[0] => ({ key, shiftKey, ctrlKey: false, metaKey: false, altKey: false });

  it("carry, drop and put back; without, they do what they always do", () => {
    expect(commandOf(press("ArrowRight"), true)).toEqual({ kind: "carry", direction: "right", far: false });
    expect(commandOf(press("ArrowUp", true), true)).toEqual({ kind: "carry", direction: "up", far: true });
    expect(commandOf(press("Enter"), true)).toEqual({ kind: "drop" });
    expect(commandOf(press("Escape"), true)).toEqual({ kind: "put_back" });
    expect(commandOf(press("Enter"))).toEqual({ kind: "choose" });
  });

  it("take, lock, explain and open what can be done", () => {
    expect([press("m"), press("l"), press("w"), press("ContextMenu"), press("F10", true)].map((event) => commandOf(event)?.kind)).toEqual(["grab", "lock", "why", "menu", "menu"]);
    expect(commandOf(press("F10"))).toBeNull();
  });
});

describe("what a draft does otherwise", () => {
  const operation = (change: Partial<PlannedOperation> = {}): PlannedOperation => ({ operation_id: 1, work_order: "WO-1", operation: 10, name: null, order: "SO-1", machine: "s/a/l1/m1", setup_start: at(0), start: at(10), end: at(60), pin: null, on_hold: false, ...change });

  it("is drawn where it differs by a minute or by its machine", () => {
    const bars = known(bar(), bar({ operation_id: 2 }), bar({ operation_id: 3 }));
    const ghosts = ghostsOf([operation(), operation({ operation_id: 2, start: at(30), end: at(80) }), operation({ operation_id: 3, machine: "s/a/l1/m2" })], [], bars);
    expect([...ghosts.byOperation.keys()]).toEqual([2, 3]);
    expect(ghosts.byMachine.get("s/a/l1/m2")?.map((each) => each.id)).toEqual([3]);
  });

  it("shows orders that are only thought of", () => {
    const ghosts = ghostsOf([], [{ order: "Rush", item: "cup", machine: "s/a/l1/m1", setup_start: at(0), start: at(5), end: at(9) }], new Map());
    expect(ghosts.byMachine.get("s/a/l1/m1")).toEqual([{ id: null, machine: "s/a/l1/m1", setupFrom: NOW, span: { from: NOW + 5 * MINUTE, to: NOW + 9 * MINUTE }, label: "Rush · cup" }]);
  });
});

describe("taking back a step", () => {
  it("keeps each operation's last place and everything else", () => {
    const move = (operation: number, minutes: number): DraftChange => ({ kind: "move", operation, machine: "m", start: at(minutes) });
    const more: DraftChange = { kind: "priority", order: "SO-1", priority: 9 };
    expect(lastMoves([move(1, 1), more, move(2, 2), move(1, 3)])).toEqual([more, move(2, 2), move(1, 3)]);
  });
});

describe("a help that is tried", () => {
  const help = (change: Partial<Help>): Help => ({ kind: "overtime", minutes: 20, end: at(40), operation: { work_order: "WO-1", operation: 10 }, machine: "s/a/l1/m1", from_machine: null, behind: null, resource: null, starts_at: null, ends_at: null, later: [], later_work_orders: 0, ...change });
  it("leads to the bar that it is about", () => {
    const bars = known(bar(), bar({ operation_id: 2, work_order: "WO-2" }));
    expect(barNamed(bars.values(), { work_order: "WO-2", operation: 10 })?.id).toBe(2);
    expect(barNamed(bars.values(), { work_order: "WO-9", operation: 10 })).toBeNull();
  });

  it("is told in both languages", () => {
    const ahead = help({ kind: "ahead", behind: { work_order: "WO-2", operation: 10 } });
    expect(helpWords(words, ahead)).toBe("WO-1 · 10 before WO-2 · 10");
    expect(helpWords(chinese, ahead)).toBe("WO-1 · 10 排到 WO-2 · 10 之前");
  });
});

describe("what a draft does, in words", () => {
  const shift = { order: "SO-2", customer: "Acme", minutes: 25, end: at(85), due: at(60), lateness_minutes: 25, was_late: false, is_late: true };

  it("counts who is later and earlier, and what set-up it costs", () => {
    const compared = { against: 1, later: [shift], earlier: [], added: [], removed: [], newly_late: 1, late_no_more: 0, setup_minutes: -12, cost: 0, metrics: { cost: 0, weighted_tardiness: 0, tardiness: 0, tardy_jobs: 0, most_tardy: 0, makespan: 0, setup: -12, reassigned: 1, moved: 2, shifted: 0, resequenced: 0, imbalance: 0, displaced: 0 }, moved: { later: 2, reassigned: 1 }, operations: [] };
    expect(effectWords(words, compared)).toBe("1 order later · nobody earlier · 1 newly late · 12 min less set-up · 3 operations move");
  });

  it("names an order with its minutes and its lateness", () => {
    expect(orderShiftWords(words, shift)).toBe("(Acme): 25 min later, then late 25 min");
    expect(orderShiftWords(words, { ...shift, minutes: -25, due: null, lateness_minutes: null })).toBe("(Acme): 25 min earlier, then without a due date");
  });

  it("tells each change, and each part of a delay", () => {
    const change = { kind: "move", assumed: false, machine: "s/a/l1/m1", operation: { work_order: "WO-1", operation: 10 }, before: { work_order: "WO-2", operation: 20 }, order: null, name: null, items: [], priority: null, starts_at: null, ends_at: null, fields: {} };
    expect(changeWords(words, change)).toBe("WO-1 · 10 on Press 250 t before WO-2 · 20");
    expect(changeWords(words, { ...change, kind: "priority", order: "SO-4", priority: 9 })).toBe("order SO-4 with priority 9");
    const share = { cause: "setup", machine: null, work_order: "WO-1", operation: 10, behind: null, since: null, wait_minutes: 0, resource: null, closure: null, share_minutes: 12 };
    expect(shareWords(words, share)).toBe("set-up of WO-1 · 10");
    expect(shareWords(words, { ...share, cause: "overdue" })).toBe("It was overdue before anything else");
  });
});

describe("a rush order's question", () => {
  const form: RushForm = { kind: "order", order: " SO-1 ", item: "", quantity: "", customer: "", due: "", priority: "" };
  const items = [{ code: "cup", name: "Cup" }];
  const instant = (local: string): string => `${local}Z`;

  it("is about an order that is there, or about a new one", () => {
    expect(wishOf(form, "s", items, instant)).toEqual({ order: "SO-1" });
    expect(wishOf({ ...form, kind: "new", item: "Cup", quantity: "20", due: "2026-11-23T10:00", priority: "9" }, "s", items, instant)).toEqual({ lines: [{ item: "cup", quantity: 20 }], site: "s", due: "2026-11-23T10:00Z", priority: 9 });
  });

  it("is not asked before it is complete", () => {
    expect(wishOf({ ...form, order: "" }, "s", items, instant)).toBeNull();
    expect(wishOf({ ...form, kind: "new", item: "cup", quantity: "0" }, "s", items, instant)).toBeNull();
    expect(wishOf({ ...form, kind: "new", item: "mug", quantity: "1" }, "s", items, instant)).toBeNull();
  });
});
