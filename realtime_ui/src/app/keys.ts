/** A screen that two keys lead to: `g`, then its own. */
export interface Way {
  key: string;
  to: "/" | "/orders" | "/review" | "/promise" | "/import" | "/stock" | "/plan" | "/own";
  name: "nav.floor" | "nav.orders" | "nav.review" | "nav.promise" | "nav.import" | "nav.stock" | "nav.plan" | "nav.own";
  needs: "read" | "order" | "own_orders";
}

export const WAYS: readonly Way[] = [
  { key: "f", to: "/", name: "nav.floor", needs: "read" },
  { key: "o", to: "/orders", name: "nav.orders", needs: "read" },
  { key: "r", to: "/review", name: "nav.review", needs: "read" },
  { key: "d", to: "/promise", name: "nav.promise", needs: "order" },
  { key: "i", to: "/import", name: "nav.import", needs: "order" },
  { key: "s", to: "/stock", name: "nav.stock", needs: "read" },
  { key: "p", to: "/plan", name: "nav.plan", needs: "read" },
  { key: "o", to: "/own", name: "nav.own", needs: "own_orders" },
];

/** After this long the first of two keys is forgotten. */
const TOGETHER_MS = 1_500;

interface Pressed {
  key: string;
  at: number;
}

export interface Step {
  does: "help" | "search" | Way | null;
  /** What a further key may go with. */
  before: Pressed | null;
}

/** What a key does, after the one before it. */
export function stepOf(key: string, at: number, before: Pressed | null, ways: readonly Way[]): Step {
  if (before?.key === "g" && at - before.at <= TOGETHER_MS) {
    return { does: ways.find((way) => way.key === key) ?? null, before: null };
  }
  if (key === "?") return { does: "help", before: null };
  if (key === "/") return { does: "search", before: null };
  return { does: null, before: key === "g" ? { key, at } : null };
}
