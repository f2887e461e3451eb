import { timeOf } from "../../i18n/format.ts";
import { isOver, lowerMachine, lowerSpan, riskOf, type Bar, type Closure, type MachineRow } from "./bars.ts";
import { lowerLoads, plannedLoads } from "./batches.ts";
import type { Lane } from "./lanes.ts";

/** A row of the chart: a machine, a place among people or tools, or a work order of a customer's order. */
export interface Row {
  key: string;
  label: string;
  detail: string;
  machine: MachineRow | null;
  lane: Lane | null;
  order: string | null;
  lateness: number | null;
  /** When the order is due; null: nothing is, or it is a machine's row. */
  due: number | null;
  /** By the start of their upper and lower bars; one bar may be planned here and run elsewhere. */
  planned: readonly Bar[];
  lower: readonly Bar[];
}

export interface Group {
  key: string;
  /** Empty for the one group of the view by order. */
  label: string;
  detail: string;
  rows: readonly Row[];
}

export type Arrangement = "machine" | "resource" | "order";

export const numeric = new Intl.Collator("en", { numeric: true });

export function byPlannedStart(bars: Bar[]): Bar[] {
  return bars.sort((a, b) => (a.planned?.from ?? 0) - (b.planned?.from ?? 0));
}

export function byLowerStart(bars: Bar[]): Bar[] {
  return bars.sort((a, b) => (lowerSpan(a)?.from ?? 0) - (lowerSpan(b)?.from ?? 0));
}

function push<K>(map: Map<K, Bar[]>, key: K, bar: Bar): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [bar]);
  else list.push(bar);
}

/** When a row's machine, or who or what it stands for, does not work. */
export function closuresOf(row: Row): readonly Closure[] {
  return row.machine?.unavailable ?? row.lane?.unavailable ?? [];
}

/** In floor order, as on the board; what has no place there comes last. */
function byFloorOrder(a: MachineRow, b: MachineRow): number {
  const place = (row: MachineRow): number => (row.view.position > 0 ? row.view.position : Number.POSITIVE_INFINITY);
  return (place(a) === place(b) ? 0 : place(a) - place(b)) || numeric.compare(a.view.machine, b.view.machine);
}

/** Machines in floor order, by line; a line stands where its first machine does. */
export function rowsByMachine(machines: Iterable<MachineRow>, bars: Iterable<Bar>): Group[] {
  const planned = new Map<string, Bar[]>();
  const lower = new Map<string, Bar[]>();
  for (const bar of bars) {
    if (bar.planned !== null && bar.view.machine !== null) push(planned, bar.view.machine, bar);
    const on = lowerMachine(bar);
    if (on !== null && lowerSpan(bar) !== null) push(lower, on, bar);
  }
  const sorted = [...machines].sort(byFloorOrder);
  const sites = new Set(sorted.map((machine) => machine.view.site));
  const lines = new Map<string, { label: string; detail: string; rows: Row[] }>();
  for (const machine of sorted) {
    const { site, area, line, machine: path, name } = machine.view;
    const key = `${site}/${area}/${line}`;
    let group = lines.get(key);
    if (group === undefined) {
      group = { label: line, detail: sites.size > 1 ? `${site} / ${area}` : area, rows: [] };
      lines.set(key, group);
    }
    group.rows.push({
      key: path,
      label: name,
      detail: "",
      machine,
      lane: null,
      order: null,
      lateness: null,
      due: null,
      planned: plannedLoads(machine, byPlannedStart(planned.get(path) ?? [])),
      lower: lowerLoads(machine, byLowerStart(lower.get(path) ?? [])),
    });
  }
  return [...lines].map(([key, group]) => ({ key, ...group }));
}

/** One row per work order, in the order in which they begin: the chart goes down like stairs. */
export function rowsByOrder(bars: Iterable<Bar>): Group[] {
  const orders = new Map<string, Bar[]>();
  for (const bar of bars) push(orders, `${bar.view.order_number ?? ""}\n${bar.view.work_order}`, bar);
  const rows = [...orders].map(([key, own]): Row => {
    const first = own[0]?.view;
    return {
      key,
      label: first?.order_number ?? first?.work_order ?? "",
      detail: [first?.order_number == null ? null : first.work_order, first?.customer, first?.item].filter((part) => part != null && part !== "").join(" · "),
      machine: null,
      lane: null,
      order: first?.order_number ?? null,
      due: timeOf(first?.due),
      lateness: own.some((bar) => riskOf(bar) === "late") ? Math.max(...own.map((bar) => bar.view.lateness_minutes ?? 0)) : null,
      planned: byPlannedStart(own.filter((bar) => bar.planned !== null)),
      lower: byLowerStart(own.filter((bar) => lowerSpan(bar) !== null)),
    };
  });
  const beginOf = ({ lower }: Row): number => {
    const next = lower.find((bar) => !isOver(bar)) ?? lower[0];
    return next === undefined ? Number.POSITIVE_INFINITY : (lowerSpan(next)?.from ?? Number.POSITIVE_INFINITY);
  };
  const begins = new Map(rows.map((row) => [row, beginOf(row)]));
  rows.sort((a, b) => (begins.get(a) ?? 0) - (begins.get(b) ?? 0) || numeric.compare(a.key, b.key));
  return [{ key: "orders", label: "", detail: "", rows }];
}

/** All families that have work, by name. */
export function familiesOf(bars: Iterable<Bar>): string[] {
  const found = new Set<string>();
  for (const bar of bars) if (bar.view.family !== null) found.add(bar.view.family);
  return [...found].sort(numeric.compare);
}
