import type { Policy } from "../api/types.ts";
import { DISPLACEMENTS, goalsOf, orderOf } from "./goals.tsx";

/** The form's fields as people type them; the goals in one of them, separated by commas. */
export type PolicyForm = Record<string, string>;

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
const YEAR_MINUTES = 366 * 1_440;

export const WEIGHTS = ["tardiness", "reassignment", "move", "setup", "makespan", "balance", "resequencing"] as const;

/** The numbers of a policy: the unit in which they are typed, in what they are sent in. */
export const FIELDS = [
  { name: "frozen_ms", word: "frozen", unit: MINUTE, least: 0, most: YEAR_MINUTES, step: "any" },
  { name: "down_threshold_ms", word: "down", unit: MINUTE, least: 0, most: YEAR_MINUTES, step: "any" },
  { name: "repair_ms", word: "repair", unit: MINUTE, least: 0.02, most: YEAR_MINUTES, step: "any" },
  { name: "tolerance_ms", word: "tolerance", unit: MINUTE, least: 0, most: YEAR_MINUTES, step: "any" },
  { name: "rush_priority", word: "rush", unit: 1, least: -32_768, most: 32_767, step: 1 },
  { name: "move_tolerance_ms", word: "move_tolerance", unit: MINUTE, least: 0, most: YEAR_MINUTES, step: "any" },
  { name: "horizon_ms", word: "horizon", unit: DAY, least: 0, most: 732, step: "any" },
  { name: "improve_ms", word: "improve", unit: 1_000, least: 0, most: 600, step: "any" },
  { name: "debounce_ms", word: "debounce", unit: 1, least: 0, most: 60_000, step: 1 },
] as const;

export function formOf(policy: Policy): PolicyForm {
  const form: PolicyForm = { publish: policy.publish ?? "auto", displacement: policy.displacement ?? "lower", goals: goalsOf(policy.order).join() };
  for (const { name, unit } of FIELDS) form[name] = String((policy[name] ?? 0) / unit);
  for (const weight of WEIGHTS) form[weight] = String(policy[weight] ?? 0);
  return form;
}

/** The policy with what was typed; a field that cannot be read stays as it was. */
export function policyOf(before: Policy, form: PolicyForm): Policy {
  const numbers: Record<string, number> = {};
  const read = (name: string, unit: number): void => {
    const typed = form[name] ?? "";
    const value = Math.round(Number(typed) * unit);
    if (typed.trim() !== "" && Number.isFinite(value)) numbers[name] = value;
  };
  for (const { name, unit } of FIELDS) read(name, unit);
  for (const weight of WEIGHTS) read(weight, 1);
  const order = (orderOf((form["goals"] ?? "").split(",")) ?? before.order ?? []) as NonNullable<Policy["order"]>;
  const displacement = DISPLACEMENTS.find((rule) => rule === form["displacement"]) ?? before.displacement ?? "lower";
  return { ...before, ...numbers, order, displacement, publish: form["publish"] === "draft" ? "draft" : "auto" };
}
