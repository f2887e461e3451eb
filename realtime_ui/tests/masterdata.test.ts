import { describe, expect, it } from "vitest";
import { effectiveOn, keyText, kindOf, masterSearchOf } from "../src/masterdata/kinds.ts";
import { toldShifts, type ShiftRow } from "../src/masterdata/shiftrows.tsx";
import { spansOf } from "../src/masterdata/week.tsx";
import { zipped } from "../src/masterdata/zip.ts";

const NIGHT: ShiftRow = { shift: "night", weekdays: ["sun"], weeks: "", start: "22:00", end: "06:00", breaks: "02:00-02:30" };

describe("the weeks of a pattern", () => {
  it("cut a night at midnight, its break too, and go on with the first day", () => {
    expect(spansOf([NIGHT], 1)).toEqual([
      { day: 6, from: 1_320, to: 1_440, shift: "night", pause: false },
      { day: 0, from: 0, to: 360, shift: "night", pause: false },
      { day: 0, from: 120, to: 150, shift: "night", pause: true },
    ]);
  });

  it("take the weeks that a shift names, or all", () => {
    const days = (weeks: string): number[] => spansOf([{ ...NIGHT, weekdays: ["mon"], weeks, end: "23:00", breaks: "" }], 3).map((span) => span.day);
    expect(days("2")).toEqual([7]);
    expect(days("")).toEqual([0, 7, 14]);
    expect(days("1; 3; 9")).toEqual([0, 14]);
  });

  it("are told as the API takes them", () => {
    expect(toldShifts([{ ...NIGHT, weeks: "1;2", breaks: " 02:00-02:30, 04:00-04:10" }])[0]).toMatchObject({ weeks: ["1", "2"], breaks: ["02:00-02:30", "04:00-04:10"] });
  });
});

describe("records", () => {
  it("are effective from a day to a day, both included", () => {
    const record = { valid_from: "2026-01-01", valid_to: "2026-06-30" };
    expect(["2025-12-31", "2026-01-01", "2026-06-30", "2026-07-01"].map((day) => effectiveOn(record, day))).toEqual(["coming", "now", "now", "past"]);
    expect(effectiveOn({ name: "x" }, "2026-01-01")).toBeNull();
  });

  it("are known by what is not empty", () => {
    expect(keyText({ item: "a", site: null, version: "", from_quantity: 0 })).toBe("a / 0");
  });

  it("of a kind that is none are items", () => {
    expect(kindOf(masterSearchOf({ kind: "nothing", page: -1, view: "else" }).kind).name).toBe("items");
    expect(masterSearchOf({ kind: "bills", search: "x", page: "2", view: "import" })).toEqual({ kind: "bills", search: "x", page: 2, view: "import" });
  });
});

describe("a zip of files", () => {
  it("holds the check sum of each, and lists them at its end", async () => {
    const blob = zipped([{ name: "check.csv", content: new TextEncoder().encode("123456789") }]);
    const bytes = new DataView(await blob.arrayBuffer());
    expect(bytes.getUint32(0, true)).toBe(0x04034b50);
    // The check value of CRC-32 for these nine digits.
    expect(bytes.getUint32(14, true)).toBe(0xcbf43926);
    const end = bytes.byteLength - 22;
    expect([bytes.getUint32(end, true), bytes.getUint16(end + 10, true), bytes.getUint32(end + 16, true)]).toEqual([0x06054b50, 1, 30 + 9 + 9]);
  });
});
