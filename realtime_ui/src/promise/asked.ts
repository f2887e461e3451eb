import type { NewPromise } from "../api/types.ts";

/** A line of the question as the form holds it. */
export interface AskedDraft {
  key: number;
  item: string;
  quantity: string;
  due: string;
}

interface Named {
  code: string;
  name: string;
}

/** The code that somebody means who typed a code or a name, in whatever case. */
export function codeOf(typed: string, known: readonly Named[]): string | undefined {
  const said = typed.trim().toLowerCase();
  if (said === "") return undefined;
  const byCode = known.find((each) => each.code.toLowerCase() === said);
  if (byCode !== undefined) return byCode.code;
  const byName = known.filter((each) => each.name.toLowerCase() === said);
  return byName.length === 1 ? byName[0]?.code : undefined;
}

interface Asked {
  site: string;
  customer: string | undefined;
  items: readonly Named[];
  instant: (day: string) => string;
}

/** The question for the API; null as long as an item or a quantity is missing. */
export function promiseOf(lines: readonly AskedDraft[], { site, customer, items, instant }: Asked): NewPromise | null {
  const asked: NewPromise["lines"] = [];
  for (const line of lines) {
    const item = codeOf(line.item, items);
    const quantity = Number(line.quantity);
    if (item === undefined || !(quantity > 0) || !Number.isFinite(quantity)) return null;
    asked.push({ item, quantity, ...(line.due === "" ? {} : { due: instant(line.due) }) });
  }
  if (asked.length === 0) return null;
  return { lines: asked, ...(site === "" ? {} : { site }), ...(customer === undefined ? {} : { customer }) };
}
