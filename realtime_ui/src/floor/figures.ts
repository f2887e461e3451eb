import type { CurrentOperation } from "../api/types.ts";
import { timeOf } from "../i18n/format.ts";

/** How much of an operation is made, 0 to 1; null when nobody said how much is wanted. */
export function shareMade(operation: CurrentOperation): number | null {
  const wanted = operation.quantity_ordered;
  if (wanted === null || wanted <= 0) return null;
  return Math.min(1, operation.good_pieces / wanted);
}

/**
 * Where the operation should be now, 0 to 1: at its standard cycle since it started, or, when no
 * cycle is known, on an even way from its start to its due date. Null when neither can be told.
 */
export function shareExpected(operation: CurrentOperation, now: number): number | null {
  const started = timeOf(operation.started);
  const wanted = operation.quantity_ordered;
  if (started === null || wanted === null || wanted <= 0) return null;
  const elapsed = Math.max(0, now - started);
  if (operation.cycle_ms != null && operation.cycle_ms > 0) return Math.min(1, elapsed / (operation.cycle_ms * wanted));
  const due = timeOf(operation.due);
  if (due === null || due <= started) return null;
  return Math.min(1, elapsed / (due - started));
}

/**
 * By how much the projected end of the whole work order is after its due date, in milliseconds; null
 * when it is not. Where no plan tells that end, the one of this operation has to do.
 */
export function lateBy(operation: CurrentOperation, now: number): number | null {
  const due = timeOf(operation.due);
  if (due === null) return null;
  const end = Math.max(timeOf(operation.work_projected_end ?? operation.projected_end) ?? due, due < now ? now : due);
  const late = end - due;
  return late >= 60_000 ? late : null;
}

/** States in which a machine makes nothing: their tile says since when and why. */
export function isStopped(state: string): boolean {
  return state !== "running";
}

/** Somebody has to act now: it is down and nobody has said why. */
export function needsAction(state: string, reason: string | null): boolean {
  return state === "down" && reason === null;
}
