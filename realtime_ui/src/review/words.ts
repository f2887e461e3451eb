import type { Finding, FindingCode } from "../api/types.ts";
import type { DeskTranslator } from "../desk/language.tsx";
import { formatMoment, formatNumber, timeOf } from "../i18n/format.ts";

export const FINDING_CODES: readonly FindingCode[] = [
  "unknown_customer",
  "unknown_item",
  "no_routing",
  "unit_not_convertible",
  "price_off_rule",
  "price_off_history",
  "quantity_off_history",
  "due_in_past",
  "due_not_reachable",
  "possible_duplicate",
  "document_warning",
  "version_conflict",
  "rush_beyond_policy",
];

const NUMBER = /^-?\d+(\.\d+)?$/;
const NUMBERS: ReadonlySet<string> = new Set(["price", "rule_price", "usual", "quantity", "percent", "history"]);
const TIMES: ReadonlySet<string> = new Set(["due", "earliest", "received"]);

/** The values compared, as people read them. */
function valuesOf(t: DeskTranslator, detail: Readonly<Record<string, unknown>>, now: number, zone: string): Record<string, string> {
  const said: Record<string, string> = {};
  for (const [name, value] of Object.entries(detail)) {
    if (typeof value !== "string" && typeof value !== "number") continue;
    const at = TIMES.has(name) && typeof value === "string" ? timeOf(value) : null;
    if (at !== null) said[name] = formatMoment(t, at, now, zone);
    else if (NUMBERS.has(name) && NUMBER.test(String(value))) said[name] = formatNumber(Math.round(Number(value) * 1_000) / 1_000, t.language);
    else said[name] = String(value);
  }
  return said;
}

/** What is odd, in the reader's language; the server's words where a value is missing. */
export function findingWords(t: DeskTranslator, finding: Pick<Finding, "code" | "detail" | "problem">, now: number, zone: string): string {
  const key = `finding.${finding.code}`;
  if (!t.has(key)) return finding.problem;
  try {
    return (t as unknown as (key: string, values: Record<string, string>) => string)(key, valuesOf(t, finding.detail, now, zone));
  } catch {
    // It was found by an older version, which kept other values.
    return finding.problem;
  }
}
