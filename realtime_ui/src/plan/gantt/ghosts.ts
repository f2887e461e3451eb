import type { PlannedOperation } from "../../api/types.ts";
import { timeOf } from "../../i18n/format.ts";
import type { Bar, Span } from "./bars.ts";

const MINUTE = 60_000;

/** Where a draft has an operation that the plan in force has elsewhere, or not at all. */
export interface Ghost {
  /** The operation; null: of an order that is only thought of. */
  id: number | null;
  machine: string;
  setupFrom: number | null;
  span: Span;
  /** What to write on it where no bar of the plan says so. */
  label: string;
}

/** What a draft does otherwise, ready to be drawn over the plan. */
export interface Ghosts {
  byMachine: ReadonlyMap<string, readonly Ghost[]>;
  byOperation: ReadonlyMap<number, Ghost>;
}

interface Placed {
  machine: string;
  setup_start: string;
  start: string;
  end: string;
}

function ghostOf(id: number | null, at: Placed, label: string): Ghost | null {
  const [setupFrom, from, to] = [timeOf(at.setup_start), timeOf(at.start), timeOf(at.end)];
  return from === null || to === null ? null : { id, machine: at.machine, setupFrom, span: { from, to }, label };
}

function differs(ghost: Ghost, bar: Bar | undefined): boolean {
  if (bar?.planned == null) return true;
  return bar.view.machine !== ghost.machine || Math.abs(bar.planned.from - ghost.span.from) >= MINUTE || Math.abs(bar.planned.to - ghost.span.to) >= MINUTE;
}

/** The operations of a draft that are elsewhere than in the plan in force, and those it adds. */
export function ghostsOf(operations: readonly PlannedOperation[], added: readonly (Placed & { order: string; item: string })[], bars: ReadonlyMap<number, Bar>): Ghosts {
  const byMachine = new Map<string, Ghost[]>();
  const byOperation = new Map<number, Ghost>();
  const keep = (ghost: Ghost | null): void => {
    if (ghost === null || (ghost.id !== null && !differs(ghost, bars.get(ghost.id)))) return;
    if (ghost.id !== null) byOperation.set(ghost.id, ghost);
    const list = byMachine.get(ghost.machine);
    if (list === undefined) byMachine.set(ghost.machine, [ghost]);
    else list.push(ghost);
  };
  for (const each of operations) keep(ghostOf(each.operation_id, each, each.order ?? each.work_order));
  for (const each of added) keep(ghostOf(null, each, `${each.order} · ${each.item}`));
  for (const list of byMachine.values()) list.sort((a, b) => a.span.from - b.span.from);
  return { byMachine, byOperation };
}
