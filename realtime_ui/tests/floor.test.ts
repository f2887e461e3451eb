import { describe, expect, it } from "vitest";
import type { CurrentOperation } from "../src/api/types.ts";
import { lateBy, needsAction, shareExpected, shareMade } from "../src/floor/figures.ts";
import { layOutDesk, layOutWall, linesOf, WALL_GAP, WALL_HEADING } from "../src/floor/layout.ts";

const NOW = Date.parse("2026-11-22T08:00:00Z");
const at = (minutes: number): string => new Date(NOW + minutes * 60_000).toISOString();

function operation(change: Partial<CurrentOperation> = {}): CurrentOperation {
  return { work_order: "WO-1", operation: 10, name: null, item: "Bracket", customer: null, order_number: null, state: "running", quantity_ordered: 480, good_pieces: 312, scrap_pieces: 3, projected_end: at(90), due: at(120), started: at(-60), cycle_ms: 10_000, ...change };
}

describe("an operation's figures", () => {
  it("tell the share that is made, at most all of it", () => {
    expect(shareMade(operation())).toBeCloseTo(0.65);
    expect(shareMade(operation({ good_pieces: 600 }))).toBe(1);
    expect(shareMade(operation({ quantity_ordered: null }))).toBeNull();
    expect(shareMade(operation({ quantity_ordered: 0 }))).toBeNull();
  });

  it("tell where it should be at its standard cycle", () => {
    // 60 minutes at 10 s a piece: 360 of 480.
    expect(shareExpected(operation(), NOW)).toBeCloseTo(0.75);
    expect(shareExpected(operation({ started: at(-600) }), NOW)).toBe(1);
    expect(shareExpected(operation({ started: at(10) }), NOW)).toBe(0);
  });

  it("go evenly to the due date when no cycle is known, and say nothing without one", () => {
    expect(shareExpected(operation({ cycle_ms: null }), NOW)).toBeCloseTo(1 / 3);
    expect(shareExpected(operation({ cycle_ms: null, due: null }), NOW)).toBeNull();
    expect(shareExpected(operation({ started: null }), NOW)).toBeNull();
  });

  it("are late when the projected end is after the due date, or that has passed", () => {
    expect(lateBy(operation(), NOW)).toBeNull();
    expect(lateBy(operation({ projected_end: at(150) }), NOW)).toBe(30 * 60_000);
    expect(lateBy(operation({ projected_end: at(100), work_projected_end: at(200) }), NOW)).toBe(80 * 60_000);
    expect(lateBy(operation({ projected_end: null, due: at(-20) }), NOW)).toBe(20 * 60_000);
    expect(lateBy(operation({ due: null }), NOW)).toBeNull();
  });

  it("ask for action only when a machine is down and nobody said why", () => {
    expect(needsAction("down", null)).toBe(true);
    expect(needsAction("down", "tool break")).toBe(false);
    expect(needsAction("idle", null)).toBe(false);
  });
});

describe("lines", () => {
  it("stand in floor order, as their machines do; without a place, last and by name", () => {
    const lines = linesOf([
      { machine: "s/b/l1/m2", area: "b", line: "l1", position: 2 },
      { machine: "s/a/l10/m1", area: "a", line: "l10", position: 3 },
      { machine: "s/b/l1/m10", area: "b", line: "l1", position: 1 },
      { machine: "s/a/l3/m1", area: "a", line: "l3", position: 0 },
      { machine: "s/a/l2/m1", area: "a", line: "l2", position: 0 },
    ]);
    expect(lines.map((line) => line.key)).toEqual(["b/l1", "a/l10", "a/l2", "a/l3"]);
    expect(lines[0]?.machines).toEqual(["s/b/l1/m10", "s/b/l1/m2"]);
  });
});

describe("the wall", () => {
  const room = { width: 1872, height: 930 };
  const line = (key: string, count: number) => ({ key, area: "a", line: key, machines: Array.from({ length: count }, (_, n) => `${key}/m${n}`) });

  it.each([1, 6, 8, 17, 60, 200])("shows every one of %i machines once, in order, and nothing beyond the edge", (count) => {
    const lines = [line("l1", Math.ceil(count / 2)), line("l2", Math.floor(count / 2))].filter((each) => each.machines.length > 0);
    const layout = layOutWall(lines, room);
    const shown = layout.pages.flatMap((page) => page.rows.flat().flatMap((block) => block.machines));
    expect(shown).toEqual(lines.flatMap((each) => each.machines));
    for (const page of layout.pages) {
      const height = page.rows.reduce((sum, row) => sum + WALL_HEADING + Math.max(...row.map((block) => Math.ceil(block.machines.length / block.span))) * (layout.tileHeight + WALL_GAP), 0);
      for (const row of page.rows) expect(row.reduce((sum, block) => sum + block.span, 0)).toBeLessThanOrEqual(layout.columns);
      expect(height).toBeLessThanOrEqual(room.height);
    }
  });

  it("has large tiles for a small floor and one page", () => {
    const layout = layOutWall([line("l1", 3), line("l2", 3)], room);
    expect(layout.pages).toHaveLength(1);
    expect(layout.columns).toBe(3);
    expect(layout.tileHeight).toBeGreaterThan(350);
  });

  it("puts short lines side by side", () => {
    const layout = layOutWall([line("l1", 2), line("l2", 2), line("l3", 2)], room);
    expect(layout.pages[0]?.rows.map((row) => row.map((block) => block.line.key))).toEqual([["l1", "l2"], ["l3"]]);
  });

  it("says that a line goes on on the next page", () => {
    const layout = layOutWall([line("l1", 40)], room);
    expect(layout.pages.length).toBeGreaterThan(1);
    expect(layout.pages[0]?.rows[0]?.[0]?.continued).toBe(false);
    expect(layout.pages[1]?.rows[0]?.[0]?.continued).toBe(true);
  });

  it("survives a room without height", () => {
    expect(layOutWall([line("l1", 2)], { width: 300, height: 0 }).pages.length).toBeGreaterThan(0);
  });
});

describe("the desk", () => {
  it("shows every machine once, short lines side by side, long ones in rows of their own", () => {
    const line = (key: string, count: number) => ({ key, area: "a", line: key, machines: Array.from({ length: count }, (_, n) => `${key}/m${n}`) });
    const { columns, rows } = layOutDesk([line("l1", 2), line("l2", 3), line("l3", 12), line("l4", 1)], 1_840);
    expect(columns).toBe(5);
    expect(rows.map((row) => row.map((block) => block.line.key))).toEqual([["l1", "l2"], ["l3"], ["l4"]]);
    expect(rows.flat().flatMap((block) => block.machines)).toHaveLength(18);
    expect(layOutDesk([line("l1", 2)], 340).columns).toBe(1);
  });
});
