import type { OperationProgress } from "../api/types.ts";
import { timeOf } from "../i18n/format.ts";

/** The time axis that all operations of an order share, in epoch milliseconds. */
export interface Span {
  from: number;
  to: number;
}

/** From the first start to the last end, planned, actual or projected, and now in between. */
export function spanOf(operations: readonly OperationProgress[], now: number): Span | null {
  const starts = operations.flatMap((each) => [timeOf(each.planned_start), timeOf(each.started)]).filter((at) => at !== null);
  if (starts.length === 0) return null;
  const ends = operations.flatMap((each) => [timeOf(each.planned_end), timeOf(each.ended), timeOf(each.projected_end)]).filter((at) => at !== null);
  const from = Math.min(...starts, now);
  const to = Math.max(...ends, now, from + 60_000);
  const margin = (to - from) * 0.02;
  return { from: from - margin, to: to + margin };
}
