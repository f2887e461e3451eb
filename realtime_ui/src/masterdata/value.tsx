import type { ReactElement } from "react";
import { wordOf } from "../i18n/translator.ts";
import type { FieldView, Fields } from "./kinds.ts";
import { useMaster, type MasterTranslator } from "./language.tsx";

/** A value of a record in words. */
export function textOf(t: MasterTranslator, field: FieldView, value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (field.type === "truth") return t(value === true ? "value.yes" : "value.no");
  if (field.choices !== undefined && typeof value === "string") return wordOf(t, "choice", value);
  if (Array.isArray(value)) {
    if (field.type === "children") return t("value.entries", { n: value.length });
    return value.length === 0 ? "–" : value.join(", ");
  }
  return typeof value === "string" || typeof value === "number" ? String(value) : JSON.stringify(value);
}

/** The entries of a list: the lines of a bill, the steps of a routing, the shifts of a calendar. */
export function Entries({ rows, label }: { rows: readonly Fields[]; label: string }): ReactElement {
  const t = useMaster();
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row).filter((name) => !isEmpty(row[name]))))];
  const ordered = Object.keys(rows[0] ?? {}).filter((name) => columns.includes(name));
  if (rows.length === 0) return <p className="faint">–</p>;
  return (
    <div className="scroll-x" role="region" aria-label={label} tabIndex={0}>
      <table className="table md-entries">
        <thead>
          <tr>
            {ordered.map((name) => (
              <th key={name} scope="col" className={isNumber(rows, name) ? "number" : ""}>
                {wordOf(t, "field", name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, place) => (
            <tr key={place}>
              {ordered.map((name) => (
                <td key={name} className={isNumber(rows, name) ? "number" : ""}>
                  {entryText(t, name, row[name])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}

function isNumber(rows: readonly Fields[], name: string): boolean {
  return rows.some((row) => typeof row[name] === "number") || ["quantity", "scrap_factor"].includes(name);
}

function entryText(t: MasterTranslator, name: string, value: unknown): string {
  if (isEmpty(value)) return "–";
  if (Array.isArray(value)) return value.map((each) => (typeof each === "object" && each !== null ? Object.values(each as object).join(" / ") : name === "weekdays" ? wordOf(t, "weekday", String(each)) : String(each))).join(", ");
  return typeof value === "string" || typeof value === "number" ? String(value) : JSON.stringify(value);
}
