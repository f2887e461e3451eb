import type { Bar } from "../gantt/bars.ts";

/** The bar of an operation that is told by its names. */
export function barNamed(bars: Iterable<Bar>, named: { work_order: string; operation: number } | null | undefined): Bar | null {
  if (named == null) return null;
  for (const bar of bars) if (bar.view.work_order === named.work_order && bar.view.operation === named.operation) return bar;
  return null;
}
