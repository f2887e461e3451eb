import type { PlanDifferences } from "../api/types.ts";
import { operationDifferenceWords, orderDifferenceWords, type Telling } from "./words.ts";

type Cell = string | number | null;

/** A cell that a spreadsheet reads as what it is: never as a formula, whatever it begins with. */
function cellOf(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvOf(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");
}

/** The differences of a plan, one per line: first the orders, then the operations. */
export function differencesCsv(telling: Telling, differences: PlanDifferences): string {
  const { t } = telling;
  const heading = [
    t("csv.kind"),
    t("csv.order"),
    t("csv.customer"),
    t("csv.work_order"),
    t("csv.operation"),
    t("csv.name"),
    t("csv.from_machine"),
    t("csv.to_machine"),
    t("csv.from_start"),
    t("csv.to_start"),
    t("csv.from_end"),
    t("csv.to_end"),
    t("csv.due"),
    t("csv.minutes"),
    t("csv.words"),
  ];
  const orders = differences.orders.map((each) => ["order", each.order, each.customer, null, null, null, null, null, null, null, each.from_end, each.to_end, each.due, each.minutes, orderDifferenceWords(telling, each)]);
  const operations = differences.operations.map((each) => [
    each.kind,
    each.order,
    null,
    each.work_order,
    each.operation,
    each.name,
    each.from_machine,
    each.to_machine,
    each.from_start,
    each.to_start,
    each.from_end,
    each.to_end,
    null,
    each.minutes,
    operationDifferenceWords(telling, each),
  ]);
  return csvOf([heading, ...orders, ...operations]);
}

/** Hand a text to the browser as a file; the mark at its beginning tells spreadsheets it is UTF-8. */
export function download(name: string, content: string): void {
  const url = URL.createObjectURL(new Blob(["\uFEFF", content], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => { URL.revokeObjectURL(url); }, 10_000);
}
