import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Problem, problemOf } from "../src/api/problem.ts";
import { stepOf, WAYS } from "../src/app/keys.ts";
import { everyRow } from "../src/desk/export.tsx";
import type { CommonMessages, StaffMessages } from "../src/i18n/messages.gen.ts";
import type { StaffTranslator } from "../src/i18n/staff.tsx";
import { createTranslator, type Language } from "../src/i18n/translator.ts";
import { fieldWords, problemWords } from "../src/ui/problems.ts";

function words(language: Language): StaffTranslator {
  const texts: Record<string, string> = {};
  for (const group of ["common", "staff"]) Object.assign(texts, JSON.parse(readFileSync(`messages/${language}/${group}.json`, "utf8")));
  return createTranslator<CommonMessages & StaffMessages>(language, texts);
}

const refused = new Problem(409, "Conflict", "order 'SO-1' cannot be released: line 1: a line that is cancelled cannot be released", [
  { field: "lines[1]", problem: "a line that is cancelled cannot be released", code: "line-state", params: { line: 1, state: "cancelled" } },
], "order-refused", { order: "SO-1", action: "released" });

describe("problems in the reader's language", () => {
  it("tells why an order stays as it is, line by line", () => {
    expect(problemWords(words("en"), refused)).toBe("Order SO-1 cannot be released. Line 1 is Cancelled.");
    expect(problemWords(words("zh-CN"), refused)).toBe("订单 SO-1 无法下达。第 1 行当前为“已取消”。");
  });

  it("names the fields that cannot be taken", () => {
    const invalid = new Problem(422, "Unprocessable Entity", "A field …", [{ field: "lines[0].quantity", problem: "Input should be greater than 0", code: "greater_than", params: { gt: 0 } }], "invalid");
    expect(problemWords(words("en"), invalid)).toBe("This cannot be taken. line 1, Quantity: has to be more than 0.");
    expect(problemWords(words("zh-CN"), invalid)).toBe("内容无法接受。第 1 行的数量：须大于 0。");
    expect(fieldWords(words("zh-CN"), "customer")).toBe("客户");
  });

  it("says when all of it is there, or that nobody knows", () => {
    const told = { code: "not-available", params: { wanted: "3", available: "2", first_at: "" }, detail: "", errors: [] };
    expect(problemWords(words("en"), told)).toBe("3 are wanted, 2 can be promised; no known supply brings the rest.");
    expect(problemWords(words("zh-CN"), told)).toContain("没有已知供应可补足");
    expect(problemWords(words("en"), { ...told, params: { ...told.params, first_at: "2031-01-01T00:00:00Z" } })).toMatch(/all of it is there .*2031|all of it is there .*2030/);
  });

  it("keeps the server's words for codes that it does not know, and for values that are missing", () => {
    const t = words("zh-CN");
    expect(problemWords(t, { code: "of-a-later-version", params: {}, detail: "x", errors: [] })).toBeNull();
    expect(problemWords(t, { code: "wrong-unit", params: {}, detail: "x", errors: [] })).toBeNull();
  });

  it("reads what a proxy answers, and what a server tells", async () => {
    const proxy = await problemOf(new Response("<html>", { status: 502, statusText: "Bad Gateway" }));
    expect([proxy.status, proxy.code, proxy.params]).toEqual([502, "", {}]);
    const told = await problemOf(new Response(JSON.stringify({ title: "Conflict", detail: "d", code: "exists", params: { kind: "order", name: "A", odd: null } }), { status: 409 }));
    expect([told.code, told.params]).toEqual(["exists", { kind: "order", name: "A" }]);
  });
});

describe("keys", () => {
  it("goes where two keys lead, if the second follows soon", () => {
    const first = stepOf("g", 0, null, WAYS);
    expect(first.does).toBeNull();
    expect(stepOf("s", 500, first.before, WAYS).does).toMatchObject({ to: "/stock" });
    expect(stepOf("s", 5_000, first.before, WAYS).does).toBeNull();
    expect(stepOf("o", 10, first.before, WAYS.filter((way) => way.needs === "own_orders")).does).toMatchObject({ to: "/own" });
  });

  it("helps and searches, and leaves every other key alone", () => {
    expect(stepOf("?", 0, null, WAYS).does).toBe("help");
    expect(stepOf("/", 0, null, WAYS).does).toBe("search");
    expect(stepOf("x", 0, null, WAYS)).toEqual({ does: null, before: null });
  });
});

describe("a list as a file", () => {
  it("asks for page after page until all rows are there", async () => {
    const asked: number[] = [];
    const rows = await everyRow(({ limit, offset }) => {
      asked.push(offset);
      return Promise.resolve({ items: Array.from({ length: Math.min(limit, 450 - offset) }, (_, place) => offset + place), total: 450 });
    });
    expect(rows).toHaveLength(450);
    expect(asked).toEqual([0, 200, 400]);
  });

  it("ends when rows have gone meanwhile", async () => {
    expect(await everyRow(() => Promise.resolve({ items: [] as number[], total: 7 }))).toEqual([]);
  });
});
