import type { Wish } from "../api/types.ts";

export const HOW = ["quantities", "batch", "capacity", "due", "order", "merge"] as const;
export type How = (typeof HOW)[number];

/** "20, 30" or "20 30" as quantities; null: somebody typed something else. */
export function quantitiesOf(text: string): number[] | null {
  const parts = text.split(/[\s,;，；、]+/).filter((part) => part !== "");
  const numbers = parts.map(Number);
  return numbers.length > 0 && numbers.every((number) => Number.isFinite(number) && number > 0) ? numbers : null;
}

/** The wish to split a work order; null as long as it is not said how much. */
export function splitOf(workOrder: number, how: Exclude<How, "merge">, value: string): Wish | null {
  const wish = { action: "split", work_order: workOrder, by: how } as const;
  if (how === "order") return wish;
  const numbers = quantitiesOf(value);
  if (numbers === null) return null;
  const [first] = numbers;
  switch (how) {
    case "quantities":
      return { ...wish, quantities: numbers };
    case "batch":
      return numbers.length === 1 && first !== undefined ? { ...wish, batch_max: first } : null;
    case "capacity":
      return numbers.length === 1 && first !== undefined ? { ...wish, capacity_hours: first } : null;
    case "due":
      return numbers.length === 1 && Number.isInteger(first) && first !== undefined ? { ...wish, window_hours: first } : null;
  }
}
