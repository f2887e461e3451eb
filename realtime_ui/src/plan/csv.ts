import type { PlanDifferences } from "../api/types.ts";
import { csvOf } from "../ui/csv.ts";
import { operationDifferenceWords, orderDifferenceWords, type Telling } from "./words.ts";

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
