import { describe, expect, it } from "vitest";
import type { PlanBar, PlanMachine } from "../src/api/types.ts";
import { Channel } from "../src/live/channel.ts";
import { barOf, lowerMachine, machineOf, riskOf, type Bar } from "../src/plan/gantt/bars.ts";
import { Camera } from "../src/plan/gantt/camera.ts";
import { chainOf, pathOf, successorsOf } from "../src/plan/gantt/chain.ts";
import { commandOf } from "../src/plan/gantt/keys.ts";
import { barAt, GROUP_HEIGHT, itemAt, layOut, LOWER_LANE, neighbour, PLAN_LANE, ROW_HEIGHT, visibleItems } from "../src/plan/gantt/layout.ts";
import { mix } from "../src/plan/gantt/palette.ts";
import { familiesOf, rowsByMachine, rowsByOrder } from "../src/plan/gantt/rows.ts";
import { LONGEST, pan, SHORTEST, ticksOf, timeAt, xOf, zoom, type View } from "../src/plan/gantt/scale.ts";
import { PlanStore } from "../src/plan/store.ts";

const NOW = Date.parse("2026-11-22T08:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (minutes: number): string => new Date(NOW + minutes * MINUTE).toISOString();

function view(change: Partial<PlanBar> = {}): PlanBar {
  return {
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
    projected_start: at(20),
    projected_end: at(70),
    quantity_ordered: 100,
    good_pieces: 0,
    due: at(120),
    lateness_minutes: -50,
    after: [],
    ...change,
  };
}

function machine(change: Partial<PlanMachine> = {}): PlanMachine {
  return { machine: "s/a/l1/m1", name: "M 1", site: "s", area: "a", line: "l1", position: 1, state: "running", reason: null, state_since: null, unavailable: [], ...change };
}

function bar(change: Partial<PlanBar> = {}): Bar {
  return barOf(view(change), undefined, 0);
}

function known(...bars: Bar[]): Map<number, Bar> {
  return new Map(bars.map((each) => [each.id, each]));
}

describe("a bar", () => {
  it("has its times as numbers, and none where none is known", () => {
    expect(bar().planned).toEqual({ from: NOW + 10 * MINUTE, to: NOW + 60 * MINUTE });
    expect(bar({ start: null, end: null }).planned).toBeNull();
    expect(bar({ projected_start: "soon" }).projected).toBeNull();
  });

  it("never ends before it starts", () => {
    expect(bar({ end: at(5) }).planned).toEqual({ from: NOW + 10 * MINUTE, to: NOW + 10 * MINUTE });
  });

  it("remembers when a plan moved it, not when its projection did", () => {
    const before = barOf(view(), undefined, 1);
    expect(barOf(view({ projected_end: at(90) }), before, 2).movedAt).toBeNull();
    const moved = barOf(view({ machine: "s/a/l1/m2" }), before, 3);
    expect(moved.movedAt).toBe(3);
    expect(barOf(view({ machine: "s/a/l1/m2", good_pieces: 4 }), moved, 4).movedAt).toBe(3);
    expect(barOf(view({ start: at(15) }), before, 5).movedAt).toBe(5);
  });

  it("is drawn below where it really goes", () => {
    expect(lowerMachine(bar())).toBe("s/a/l1/m1");
    expect(lowerMachine(bar({ projected_machine: "s/a/l1/m2" }))).toBe("s/a/l1/m2");
  });

  it("is late from more than five minutes on, tight within two hours of its due date", () => {
    expect([6, 5, -119, -121, null].map((minutes) => riskOf(bar({ lateness_minutes: minutes })))).toEqual(["late", "tight", "tight", "on_time", "unknown"]);
    expect(riskOf(bar({ lateness_minutes: -10, state: "completed" }))).toBe("on_time");
  });

  it("of a machine's calendar keeps only what has both ends", () => {
    const row = machineOf(machine({ unavailable: [[at(0), at(30), "down"], [at(0)]] }));
    expect(row.unavailable).toEqual([{ from: NOW, to: NOW + 30 * MINUTE, why: "down" }]);
  });
});

describe("a chain", () => {
  const bars = known(bar({ operation_id: 1 }), bar({ operation_id: 2, after: [1] }), bar({ operation_id: 3, after: [2, 99] }), bar({ operation_id: 4, order_number: "SO-2" }));
  const successors = successorsOf(bars);

  it("is everything before and after, one step of it told apart", () => {
    const chain = chainOf(2, bars, successors);
    expect(chain.before.map((each) => each.id)).toEqual([1]);
    expect(chain.after.map((each) => each.id)).toEqual([3]);
    expect([...chain.all].sort()).toEqual([1, 2, 3]);
    expect([...chainOf(4, bars, successors).all]).toEqual([4]);
  });

  it("ends where operations wait for each other", () => {
    const round = known(bar({ operation_id: 1, after: [2] }), bar({ operation_id: 2, after: [1] }));
    expect([...chainOf(1, round, successorsOf(round)).all].sort()).toEqual([1, 2]);
  });

  it("of an order goes from operation to operation", () => {
    const path = pathOf("SO-1", bars);
    expect([...path.ids]).toEqual([1, 2, 3]);
    expect(path.links.map(([from, to]) => [from.id, to.id])).toEqual([[1, 2], [2, 3]]);
  });
});

describe("rows", () => {
  const machines = [machine({ machine: "s/a/l2/m3", line: "l2", position: 1 }), machine({ machine: "s/a/l1/m10", name: "M 10", position: 3 }), machine({ machine: "s/a/l1/m2", name: "M 2", position: 2 })].map(machineOf);

  it("by machine stand in floor order under their lines, even without work", () => {
    const groups = rowsByMachine(machines, []);
    expect(groups.map((group) => [group.label, group.rows.map((row) => row.key)])).toEqual([
      ["l2", ["s/a/l2/m3"]],
      ["l1", ["s/a/l1/m2", "s/a/l1/m10"]],
    ]);
  });

  it("name the site only when there are several", () => {
    expect(rowsByMachine([machineOf(machine({ machine: "s/a/l9/m9", line: "l9", position: 0 })), ...machines], []).at(-1)?.label).toBe("l9");
    expect(rowsByMachine(machines, [])[0]?.detail).toBe("a");
    expect(rowsByMachine([...machines, machineOf(machine({ site: "t", machine: "t/a/l1/m1" }))], [])[0]?.detail).toBe("s / a");
  });

  it("show a bar where it is planned and where it is really made", () => {
    const groups = rowsByMachine(machines, [bar({ machine: "s/a/l1/m2", projected_machine: "s/a/l1/m10" })]);
    const rows = groups.flatMap((group) => group.rows);
    expect(rows.filter((row) => row.planned.length > 0).map((row) => row.key)).toEqual(["s/a/l1/m2"]);
    expect(rows.filter((row) => row.lower.length > 0).map((row) => row.key)).toEqual(["s/a/l1/m10"]);
  });

  it("by order begin one after the other and tell how late the order is", () => {
    const later = bar({ operation_id: 2, work_order: "WO-2", order_number: "SO-2", projected_start: at(90), projected_end: at(100), lateness_minutes: 80 });
    const [group] = rowsByOrder([later, bar(), bar({ operation_id: 3, operation: 20, projected_start: at(70), projected_end: at(80) })]);
    expect(group?.rows.map((row) => [row.label, row.lateness, row.lower.map((each) => each.id)])).toEqual([
      ["SO-1", null, [1, 3]],
      ["SO-2", 80, [2]],
    ]);
  });

  it("know the families there are, always in the same order", () => {
    expect(familiesOf([bar({ family: "b" }), bar({ family: null }), bar({ family: "a" }), bar({ family: "b" })])).toEqual(["a", "b"]);
  });
});

describe("the time scale", () => {
  const day: View = { from: NOW, to: NOW + 10 * HOUR, width: 1_000 };

  it("goes there and back", () => {
    expect(xOf(day, NOW + 5 * HOUR)).toBe(500);
    expect(timeAt(day, 250)).toBe(NOW + 2.5 * HOUR);
    expect(pan(day, 100)).toEqual({ from: NOW + HOUR, to: NOW + 11 * HOUR });
  });

  it("zooms around the pointer, from a quarter of an hour to a month", () => {
    const closer = zoom(day, 0.5, 300);
    expect(timeAt({ ...closer, width: 1_000 }, 300)).toBe(timeAt(day, 300));
    expect(closer.to - closer.from).toBe(5 * HOUR);
    const closest = zoom(day, 0.000_1, 0);
    expect(closest.to - closest.from).toBe(SHORTEST);
    const furthest = zoom(day, 10_000, 0);
    expect(furthest.to - furthest.from).toBe(LONGEST);
  });

  it("marks hours and days on the plant's clock", () => {
    const ticks = ticksOf(day, "Asia/Kolkata", 56);
    // 08:00 in UTC is 13:30 in Kolkata: the first full hour is half an hour later, midnight out of sight.
    expect(ticks.step).toBe(HOUR);
    expect(ticks.minor[0]).toBe(NOW + 30 * MINUTE);
    expect(ticks.major).toEqual([]);
  });

  it("keeps its marks rising when clocks change", () => {
    // On 25 October 2026 Warsaw's clock goes back from 03:00 to 02:00.
    const night: View = { from: Date.parse("2026-10-24T22:00:00Z"), to: Date.parse("2026-10-25T06:00:00Z"), width: 800 };
    const { minor } = ticksOf(night, "Europe/Warsaw", 60);
    expect(minor).toEqual([...new Set(minor)].sort((a, b) => a - b));
    expect(minor.length).toBeGreaterThanOrEqual(8);
  });

  it("marks months when days are the fine scale", () => {
    const month: View = { from: NOW, to: NOW + LONGEST, width: 1_000 };
    const ticks = ticksOf(month, "UTC", 56);
    expect(ticks.step).toBe(48 * HOUR);
    expect(ticks.major).toEqual([Date.parse("2026-12-01T00:00:00Z")]);
  });
});

describe("the camera", () => {
  it("goes along with now until somebody looks elsewhere", () => {
    const camera = new Camera(NOW);
    camera.resize(1_000);
    camera.setWorld({ from: NOW - HOUR, to: NOW + 100 * HOUR });
    expect(camera.follow(NOW + HOUR)).toBe(true);
    const { from } = camera.view;
    camera.panBy(10);
    expect(camera.follow(NOW + 2 * HOUR)).toBe(false);
    expect(camera.view.from).toBeGreaterThan(from);
    camera.toNow(NOW + 2 * HOUR);
    expect(camera.following).toBe(true);
  });

  it("does not get lost beyond what there is to see", () => {
    const camera = new Camera(NOW);
    camera.resize(1_000);
    camera.setWorld({ from: NOW, to: NOW + 2 * HOUR });
    camera.panBy(1_000_000);
    expect(camera.view.from).toBe(NOW + 2 * HOUR);
    camera.panBy(-1_000_000);
    expect(camera.view.to).toBe(NOW);
  });

  it("moves no more than it takes to show a bar", () => {
    const camera = new Camera(NOW);
    camera.resize(1_000);
    camera.setWorld({ from: NOW - 10 * HOUR, to: NOW + 50 * HOUR });
    const before = camera.view.from;
    camera.reveal({ from: NOW + HOUR, to: NOW + 2 * HOUR });
    expect(camera.view.from).toBe(before);
    camera.reveal({ from: NOW + 20 * HOUR, to: NOW + 21 * HOUR });
    expect(camera.view.from).toBeLessThan(NOW + 20 * HOUR);
    expect(camera.view.to).toBeGreaterThan(NOW + 21 * HOUR);
  });
});

describe("the layout", () => {
  const machines = ["m1", "m2", "m3"].map((name, place) => machineOf(machine({ machine: `s/a/l${place < 2 ? 1 : 2}/${name}`, name, line: `l${place < 2 ? 1 : 2}`, position: place + 1 })));
  const first = bar({ operation_id: 1, machine: "s/a/l1/m1" });
  const second = bar({ operation_id: 2, machine: "s/a/l1/m1", setup_start: at(65), start: at(70), end: at(90), projected_start: at(75), projected_end: at(95) });
  const third = bar({ operation_id: 3, machine: "s/a/l2/m3" });
  const layout = layOut(rowsByMachine(machines, [first, second, third]));
  const screen: View = { from: NOW, to: NOW + 100 * MINUTE, width: 1_000 };

  it("puts rows below their headings", () => {
    expect(layout.height).toBe(2 * GROUP_HEIGHT + 3 * ROW_HEIGHT);
    expect(layout.places.get(3)?.top).toBe(2 * GROUP_HEIGHT + 2 * ROW_HEIGHT);
    expect(itemAt(layout, -1)).toBe(-1);
    expect(visibleItems(layout, GROUP_HEIGHT + 5, 10)).toHaveLength(1);
    expect(visibleItems(layout, 0, 10_000)).toHaveLength(5);
  });

  it("finds the bar under a point, planned above and projected below", () => {
    const planned = GROUP_HEIGHT + PLAN_LANE.top + 2;
    const lower = GROUP_HEIGHT + LOWER_LANE.top + 4;
    expect(barAt(layout, screen, 150, planned)?.bar.id).toBe(1);
    expect(barAt(layout, screen, 150, lower)).toBeNull();
    expect(barAt(layout, screen, 250, lower)?.bar.id).toBe(1);
    // The set-up belongs to it; between two bars the nearer one is meant, further away none.
    expect(barAt(layout, screen, 660, planned)?.bar.id).toBe(2);
    expect(barAt(layout, screen, 748, lower)?.bar.id).toBe(2);
    expect(barAt(layout, screen, 725, lower)).toBeNull();
    expect(barAt(layout, screen, 250, 4)).toBeNull();
    expect(barAt(layout, screen, 250, layout.height + 10)).toBeNull();
  });

  it("leads the keyboard along rows and to the nearest bar above and below", () => {
    expect(neighbour(layout, null, "right", NOW)?.id).toBe(1);
    expect(neighbour(layout, 1, "right", NOW)?.id).toBe(2);
    expect(neighbour(layout, 2, "right", NOW)?.id).toBe(2);
    expect(neighbour(layout, 2, "left", NOW)?.id).toBe(1);
    // The row between them has no work.
    expect(neighbour(layout, 2, "down", NOW)?.id).toBe(3);
    expect(neighbour(layout, 3, "up", NOW)?.id).toBe(1);
    expect(neighbour(layOut([]), null, "up", NOW)).toBeNull();
  });
});

describe("keys", () => {
  const press = (key: string, shiftKey = false, ctrlKey = false): unknown => commandOf({ key, shiftKey, ctrlKey, metaKey: false, altKey: false });

  it("move, zoom and choose; the browser's own stay the browser's", () => {
    expect(press("ArrowLeft")).toEqual({ kind: "pan", x: -1, y: 0 });
    expect(press("ArrowDown", true)).toEqual({ kind: "move", direction: "down" });
    expect(press("+")).toEqual({ kind: "zoom", closer: true });
    expect(press("n")).toEqual({ kind: "now" });
    expect(press("Enter")).toEqual({ kind: "choose" });
    expect(press("+", false, true)).toBeNull();
    expect(press("Tab")).toBeNull();
  });
});

describe("colours", () => {
  it("mix, however a stylesheet writes them", () => {
    expect(mix("#000000", "#ffffff", 0.5)).toBe("#808080");
    expect(mix("#f00", "#00ff00", 1)).toBe("#ff0000");
    expect(mix("#123456", "#fff", 0)).toBe("#ffffff");
  });
});

describe("the store", () => {
  it("follows its channel: one word for a burst, the same object for what did not change", () => {
    const channel = new Channel("plan:s");
    channel.replace("e", 1, { plan: { number: 1 }, "machine/s/a/l1/m1": machine(), "bar/1": view(), "bar/2": view({ operation_id: 2, after: [1] }), "disruption/7": { id: 7, handled: null }, "disruption/9": { id: 9, handled: null } });
    channel.flush();
    const store = new PlanStore(channel, () => 5);
    let told = 0;
    store.subscribe(() => { told += 1; });
    const leave = store.follow();
    expect([...store.bars.keys()]).toEqual([1, 2]);
    expect(store.machines.get("s/a/l1/m1")?.view.name).toBe("M 1");
    expect(store.disruptions.map((each) => each.id)).toEqual([9, 7]);
    expect(store.successors.get(1)).toEqual([2]);
    told = 0;
    const [untouched, disruptions] = [store.bars.get(2), store.disruptions];
    channel.apply(2, { "bar/1": view({ start: at(30), end: at(80) }), "bar/3": view({ operation_id: 3 }) });
    channel.apply(3, { "bar/3": null });
    channel.flush();
    expect(told).toBe(1);
    expect(store.bars.get(1)?.movedAt).toBe(5);
    expect(store.bars.get(2)).toBe(untouched);
    expect(store.disruptions).toBe(disruptions);
    channel.apply(4, { "bar/2": null });
    channel.flush();
    expect(store.successors.get(1)).toBeUndefined();
    channel.apply(5, { "bar/5": view({ operation_id: 5, family: "aluminium" }) });
    channel.flush();
    // A new family takes a new colour, whatever its name; the others keep theirs.
    expect([...store.families]).toEqual([["steel", 0], ["aluminium", 1]]);
    leave();
    channel.apply(6, { "bar/1": null });
    channel.flush();
    expect(store.bars.has(1)).toBe(true);
    store.follow();
    expect(store.bars.has(1)).toBe(false);
  });
});
