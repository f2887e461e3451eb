import type { Bulk, BulkAction, Outcomes } from "../api/types.ts";

/** How what was done to many orders is undone. */
export interface WayBack {
  /** How many orders go back. */
  count: number;
  steps: readonly Bulk[];
}

/**
 * The way back of what was done to many; null: there is none. Held orders go on; each order gets the
 * priority that it had, unless somebody has given it another one since.
 */
export function wayBack(what: BulkAction["do"], outcomes: Outcomes, priority: number): WayBack | null {
  const done = outcomes.items.filter((each) => each.done);
  if (what === "hold" && done.length > 0) {
    return { count: done.length, steps: [{ numbers: done.map((each) => each.number), action: { do: "resume" } }] };
  }
  if (what !== "priority") return null;
  const before = new Map<number, string[]>();
  for (const { number, was_priority: was } of done) {
    if (was == null || was === priority) continue;
    before.set(was, [...(before.get(was) ?? []), number]);
  }
  const steps = [...before].map(([was, numbers]): Bulk => ({ numbers, action: { do: "priority", priority: was, only_from: priority } }));
  return steps.length === 0 ? null : { count: steps.reduce((sum, step) => sum + (step.numbers?.length ?? 0), 0), steps };
}
