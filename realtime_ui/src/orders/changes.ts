export interface FieldChange {
  field: string;
  line: number | null;
  from: unknown;
  to: unknown;
}

type Values = Record<string, unknown> | null;

function isPlain(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function linesOf(values: Values): Record<string, unknown>[] {
  const lines = values?.["lines"];
  return Array.isArray(lines) ? lines.filter((line): line is Record<string, unknown> => typeof line === "object" && line !== null) : [];
}

function compare(before: Record<string, unknown>, after: Record<string, unknown>, line: number | null): FieldChange[] {
  return Object.entries(after)
    .filter(([field, to]) => field !== "number" && field !== "line" && field !== "version" && isPlain(to) && to !== before[field])
    .map(([field, to]) => ({ field, line, from: before[field], to }));
}

/** What an audit entry changed, field by field, the lines' ones with the number of their line. */
export function changedFields(before: Values, after: Values): FieldChange[] {
  if (before === null || after === null) return [];
  const own = typeof after["line"] === "number" ? after["line"] : null;
  const old = new Map(linesOf(before).map((line) => [line["number"], line]));
  return [
    ...compare(before, after, own),
    ...linesOf(after).flatMap((line) => compare(old.get(line["number"]) ?? {}, line, typeof line["number"] === "number" ? line["number"] : null)),
  ];
}
