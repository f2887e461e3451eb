import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { DeskTranslator } from "../src/desk/language.tsx";
import type { CommonMessages, DeskMessages, StaffMessages } from "../src/i18n/messages.gen.ts";
import { createTranslator, type Language } from "../src/i18n/translator.ts";
import { guessFormat, sortedProblems } from "../src/intake/guess.ts";
import { bodyOf, filtersOf, queryOf } from "../src/orders/filters.ts";
import { wayBack } from "../src/orders/wayback.ts";
import { readable } from "../src/outbound/readable.ts";
import { outboundSearchOf } from "../src/outbound/search.ts";
import { NOTHING, pressed, toggle, type Selection } from "../src/orders/selection.ts";
import { quantitiesOf, splitOf } from "../src/orders/split.ts";
import { codeOf, promiseOf } from "../src/promise/asked.ts";
import { findingWords, FINDING_CODES } from "../src/review/words.ts";
import { stockSearchOf } from "../src/stock/search.ts";

function words(language: Language): DeskTranslator {
  const texts: Record<string, string> = {};
  for (const group of ["common", "staff", "desk"]) Object.assign(texts, JSON.parse(readFileSync(`messages/${language}/${group}.json`, "utf8")));
  return createTranslator<CommonMessages & StaffMessages & DeskMessages>(language, texts);
}

const NOW = Date.parse("2026-11-22T08:00:00Z");
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("filters of the order list", () => {
  it("keeps what it knows and leaves out what is no day", () => {
    expect(filtersOf({ state: "under_review", late: true, due_from: "2026-11-22", due_until: "soon", page: 3, search: "" })).toEqual({ state: "under_review", late: "true", due_from: "2026-11-22" });
  });

  it("means the plant's days, the last one to its end", () => {
    const range = queryOf({ due_from: "2026-03-29", due_until: "2026-03-29" }, "Europe/Warsaw");
    // The day of the change to summer time has 23 hours.
    expect(range).toEqual({ due_from: "2026-03-28T23:00:00.000Z", due_until: "2026-03-29T22:00:00.000Z" });
  });

  it("becomes a body for bulk actions, without the sorting", () => {
    expect(bodyOf({ site: "a", late: "true", sort: "due", state: "confirmed" }, "UTC")).toEqual({ site: "a", late: true, state: "confirmed" });
  });
});

describe("choosing orders by keyboard", () => {
  const numbers = ["A", "B", "C", "D"];
  const at = (index: number): string | undefined => numbers[index];
  const type = (keys: readonly (string | { key: string; shift?: boolean; ctrl?: boolean })[], from: Selection = NOTHING): Selection =>
    keys.reduce<Selection>((selection, each) => {
      const { key, shift = false, ctrl = false } = typeof each === "string" ? { key: each } : each;
      return pressed(selection, { key, shiftKey: shift, ctrlKey: ctrl, metaKey: false }, numbers.length, at) ?? selection;
    }, from);

  it("moves, and chooses where the cursor stands", () => {
    const chosen = type(["ArrowDown", "ArrowDown", " "]);
    expect([...chosen.chosen]).toEqual(["B"]);
    expect([...type([" "], chosen).chosen]).toEqual([]);
  });

  it("chooses a range with Shift, and stops at the ends", () => {
    const chosen = type(["ArrowDown", "x", { key: "ArrowDown", shift: true }, { key: "End", shift: true }, "ArrowDown"]);
    expect([...chosen.chosen].sort()).toEqual(numbers);
    expect(chosen.cursor).toBe(3);
  });

  it("chooses everything and nothing", () => {
    const all = type([{ key: "a", ctrl: true }]);
    expect(all.all).toBe(true);
    expect(type(["Escape"], all)).toMatchObject({ all: false });
    expect(pressed(NOTHING, { key: "a", shiftKey: false, ctrlKey: false, metaKey: false }, 4, at)).toBeNull();
  });

  it("leaves what was never loaded alone", () => {
    expect(toggle(NOTHING, 9, at)).toBe(NOTHING);
  });
});

describe("guessing what a file is", () => {
  it.each([
    ["a.bin", "ISA*00*", "x12"],
    ["a.txt", "UNB+UNOC:3", "edifact"],
    ["a.edi", "UNA:+.? '", "edifact"],
    ["a.dat", "<?xml version='1.0'?><ORDERS05><IDOC BEGIN='1'>", "sap-idoc"],
    ["a.csv", "\uFEFForder;item", "csv"],
    ["a.json", '{"line_items": []}', "shopify"],
    ["a.json", '{"anything": 1}', null],
    ["a.html", "<html>", null],
    ["a.xyz", "\0\0", null],
  ])("%s", (name, head, format) => {
    expect(guessFormat(name, bytes(head))).toBe(format);
  });

  it("knows a workbook by its first bytes, whatever it is called", () => {
    expect(guessFormat("orders.csv", bytes("PK\u0003\u0004"))).toBe("xlsx");
  });

  it("shows errors first, and each once", () => {
    const problem = { severity: "warning", code: "a", place: "B2", value: null, problem: "x", document: null } as const;
    const error = { ...problem, severity: "error", place: "B3" } as const;
    expect(sortedProblems([problem, error, problem])).toEqual([error, problem]);
  });
});

describe("splitting", () => {
  it.each([
    ["20, 30", [20, 30]],
    ["20，30", [20, 30]],
    ["1.5", [1.5]],
    ["20, x", null],
    ["0", null],
    ["", null],
  ])("quantities of %j", (text, expected) => {
    expect(quantitiesOf(text)).toEqual(expected);
  });

  it("asks for one number where one is meant", () => {
    expect(splitOf(7, "batch", "100")).toEqual({ action: "split", work_order: 7, by: "batch", batch_max: 100 });
    expect(splitOf(7, "batch", "100, 200")).toBeNull();
    expect(splitOf(7, "due", "1.5")).toBeNull();
    expect(splitOf(7, "order", "")).toEqual({ action: "split", work_order: 7, by: "order" });
  });
});

describe("asking for a promise", () => {
  const items = [{ code: "bracket", name: "Bracket A" }, { code: "B-2", name: "Cover" }, { code: "B-3", name: "Cover" }];
  const asked = { site: "", customer: "acme", items, instant: (day: string) => `${day}T22:59:59.000Z` };

  it("takes a code or a name that is one item's", () => {
    expect(codeOf(" BRACKET a", items)).toBe("bracket");
    expect(codeOf("b-2", items)).toBe("B-2");
    expect(codeOf("cover", items)).toBeUndefined();
  });

  it("is asked when every line is said", () => {
    const line = { key: 0, item: "bracket", quantity: "40", due: "2026-12-01" };
    expect(promiseOf([line], asked)).toEqual({ customer: "acme", lines: [{ item: "bracket", quantity: 40, due: "2026-12-01T22:59:59.000Z" }] });
    expect(promiseOf([line, { ...line, quantity: "" }], asked)).toBeNull();
    expect(promiseOf([{ ...line, item: "nothing" }], asked)).toBeNull();
  });
});

describe("findings in words", () => {
  const detail = { item: "B-2", price: "12.50", usual: 3.25, history: 14, currency: "EUR" };

  it("says the values in the reader's language", () => {
    const finding = { code: "price_off_history", detail, problem: "as the server says it" } as const;
    expect(findingWords(words("en"), finding, NOW, "UTC")).toBe("The price of B-2 is 12.5; 3.25 is usual in 14 orders.");
    expect(findingWords(words("zh-CN"), finding, NOW, "UTC")).toBe("B-2 的价格为 12.5，以往 14 张订单通常为 3.25。");
  });

  it("falls back to the server's words when a value is missing", () => {
    expect(findingWords(words("en"), { code: "price_off_history", detail: {}, problem: "as the server says it" }, NOW, "UTC")).toBe("as the server says it");
  });

  it.each(FINDING_CODES)("%s has its words", (code) => {
    for (const language of ["en", "zh-CN"] as const) {
      const t = words(language);
      expect([`finding.${code}`, `finding_name.${code}`, `advice.${code}`].filter((key) => !t.has(key))).toEqual([]);
    }
  });
});

describe("the stock screen's address", () => {
  it("keeps what it knows", () => {
    expect(stockSearchOf({ tab: "lots", item: 4711, as_of: "2026-11-22T08:00", page: "2", foo: 1 })).toEqual({ tab: "lots", item: "4711", as_of: "2026-11-22T08:00", page: 2 });
    expect(stockSearchOf({ tab: "nothing", as_of: "never", page: -1 })).toEqual({});
  });
});

describe("the way back of what was done to many", () => {
  const done = (number: string, was: number | null): { number: string; done: boolean; was_priority: number | null } => ({ number, done: true, was_priority: was });
  const outcomes = (items: { number: string; done: boolean; was_priority: number | null }[]): Parameters<typeof wayBack>[1] => ({ items, total: items.length, done: items.filter((each) => each.done).length });

  it("gives each order the priority that it had, where nobody has changed it since", () => {
    const told = outcomes([done("A", 1), done("B", 3), done("C", 3), done("D", 5), { number: "E", done: false, was_priority: null }]);
    expect(wayBack("priority", told, 5)).toEqual({
      count: 3,
      steps: [
        { numbers: ["A"], action: { do: "priority", priority: 1, only_from: 5 } },
        { numbers: ["B", "C"], action: { do: "priority", priority: 3, only_from: 5 } },
      ],
    });
    expect(wayBack("priority", outcomes([done("D", 5)]), 5)).toBeNull();
  });

  it("lets what is held go on, and has none of the rest", () => {
    expect(wayBack("hold", outcomes([done("A", null)]), 5)).toEqual({ count: 1, steps: [{ numbers: ["A"], action: { do: "resume" } }] });
    expect(wayBack("hold", outcomes([{ number: "A", done: false, was_priority: null }]), 5)).toBeNull();
    expect(wayBack("cancel", outcomes([done("A", null)]), 5)).toBeNull();
  });
});

describe("documents for partners", () => {
  const isa = "ISA*00*          *00*          *01*123456789      *ZZ*GEMBA          *261120*0915*U*00401*000000101*0*P*>~";

  it("are shown with a line for each segment", () => {
    expect(readable(`${isa}GS*PO*1~ST*855*0001~`)).toBe(`${isa}\nGS*PO*1~\nST*855*0001~`);
    expect(readable(`${isa}\nGS*PO*1~\n`)).toBe(`${isa}\nGS*PO*1~`);
    expect(readable("UNB+UNOC:3+A+B'FTX+AAI+++it?'s here'UNZ+1+1'")).toBe("UNB+UNOC:3+A+B'\nFTX+AAI+++it?'s here'\nUNZ+1+1'");
    expect(readable("UNA:+.?*~UNB+UNOC:3~UNZ+1+1~")).toBe("UNA:+.?*~\nUNB+UNOC:3~\nUNZ+1+1~");
  });

  it("are left as they are where there are no segments", () => {
    expect(readable('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(readable("{broken")).toBe("{broken");
    expect(readable("<IDOC/>")).toBe("<IDOC/>");
    expect(readable("")).toBe("");
  });

  it("keep their filters in the address", () => {
    expect(outboundSearchOf({ state: "made", kind: "ship_notice", search: 4711, page: "2", foo: 1 })).toEqual({ state: "made", kind: "ship_notice", search: "4711", page: 2 });
    expect(outboundSearchOf({ state: "lost", kind: "", search: " ", page: -1 })).toEqual({});
  });
});
