import type { FieldProblem, Params } from "../api/problem.ts";
import { formatMoment, formatNumber, timeOf } from "../i18n/format.ts";
import type { StaffTranslator } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";

/** What a problem tells of itself, whether it came alone or among the outcomes of many orders. */
export interface Told {
  code: string;
  params: Params;
  /** The server's words: what is shown when we have none. */
  detail: string;
  errors: readonly FieldProblem[];
}

const NUMBER = /^-?\d+(\.\d+)?$/;
const INDEXED = /^(\w+)\[(\d+)\](?:\.(.+))?$/;

/** The values as people read them: words for states, times and numbers of the language. */
function valuesOf(t: StaffTranslator, params: Params): Record<string, string | number> {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (name === "state") return [name, wordOf(t, "stage", String(value))];
      // What a message chooses by has to be a word that it can name.
      if (name === "kind" || name === "action") return [name, String(value).replaceAll(/[\s-]+/g, "_")];
      if (name === "field") return [name, fieldWords(t, String(value))];
      const at = name.endsWith("_at") && typeof value === "string" ? timeOf(value) : null;
      if (at !== null) return [name, formatMoment(t, at, Date.now(), zone)];
      if (name.endsWith("_at") && value === "") return [name, "none"];
      return [name, typeof value === "string" && NUMBER.test(value) && value.length < 16 && name !== "name" && name !== "order" ? formatNumber(Number(value), t.language) : value];
    }),
  );
}

/** A message of the server's naming, if we have it and it came with all its values. */
function say(t: StaffTranslator, key: string, params: Params): string | null {
  if (!t.has(key)) return null;
  try {
    return (t as unknown as (key: string, values: Record<string, string | number>) => string)(key, valuesOf(t, params));
  } catch {
    // Another version of the server tells other values.
    return null;
  }
}

/** `lines[0].quantity` as people say it: "line 1, quantity". */
export function fieldWords(t: StaffTranslator, field: string): string {
  const found = INDEXED.exec(field);
  if (found !== null) {
    const [, list = "", index = "0", rest] = found;
    const line = t("problem_field.line", { n: Number(index) + 1 });
    const what = list === "lines" || list === "add" ? line : `${wordOf(t, "field", list)} ${Number(index) + 1}`;
    return rest === undefined ? what : t("problem_field.of", { what, field: fieldWords(t, rest) });
  }
  return wordOf(t, "field", field.split(".").at(-1) ?? field);
}

/** What is wrong with one field, or why one line stays as it is. */
export function faultWords(t: StaffTranslator, fault: FieldProblem): string {
  const own = say(t, `fault.${fault.code}`, fault.params) ?? say(t, `problem.${fault.code}`, fault.params);
  if (own !== null && t.has(`fault.${fault.code}`) && fault.code.includes("-")) return own;
  const words = own ?? fault.problem;
  return fault.field === "" ? words : t("problem_field.says", { field: fieldWords(t, fault.field), problem: words });
}

/** Why something cannot be done, in the reader's language as far as we know the code. */
export function problemWords(t: StaffTranslator, told: Told): string | null {
  const parts = told.errors.map((fault) => faultWords(t, fault));
  // The planner says itself what contradicts what, in both languages.
  const chinese = t.language === "zh-CN" && typeof told.params["zh"] === "string" ? told.params["zh"] : null;
  if (told.code === "no_plan" && typeof told.params["why"] === "string") return t.language === "zh-CN" ? (chinese ?? told.params["why"]) : told.params["why"];
  const whole = say(t, `problem.${told.code}`, told.params) ?? chinese;
  // The code of the only field is the problem's own: it is said once.
  if (whole !== null && told.errors.length === 1 && told.errors[0]?.code === told.code) return whole;
  if (whole === null && told.code !== "invalid") return null;
  const shown = [...new Set(parts)].join(t("problem_field.separator"));
  if (whole === null) return shown === "" ? null : shown;
  return shown === "" ? whole : t("problem_field.because", { whole, parts: shown });
}
