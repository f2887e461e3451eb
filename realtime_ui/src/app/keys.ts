/** A screen of the navigation. `g`, then its own key, leads to it as well. */
export interface Way {
  key: string;
  to: "/" | "/alarms" | "/orders" | "/review" | "/promise" | "/import" | "/stock" | "/outbound" | "/plan" | "/reports" | "/master-data" | "/dead-letters" | "/own";
  name: "nav.floor" | "nav.alarms" | "nav.orders" | "nav.review" | "nav.promise" | "nav.import" | "nav.stock" | "nav.outbound" | "nav.plan" | "nav.reports" | "nav.master_data" | "nav.dead_letters" | "nav.own";
  needs: "read" | "order" | "dead_letters" | "own_orders";
}

/** In the order of the navigation. */
export const WAYS: readonly Way[] = [
  { key: "f", to: "/", name: "nav.floor", needs: "read" },
  { key: "a", to: "/alarms", name: "nav.alarms", needs: "read" },
  { key: "o", to: "/own", name: "nav.own", needs: "own_orders" },
  { key: "o", to: "/orders", name: "nav.orders", needs: "read" },
  { key: "r", to: "/review", name: "nav.review", needs: "read" },
  { key: "d", to: "/promise", name: "nav.promise", needs: "order" },
  { key: "i", to: "/import", name: "nav.import", needs: "order" },
  { key: "s", to: "/stock", name: "nav.stock", needs: "read" },
  { key: "b", to: "/outbound", name: "nav.outbound", needs: "read" },
  { key: "p", to: "/plan", name: "nav.plan", needs: "read" },
  { key: "k", to: "/reports", name: "nav.reports", needs: "read" },
  { key: "m", to: "/master-data", name: "nav.master_data", needs: "read" },
  { key: "x", to: "/dead-letters", name: "nav.dead_letters", needs: "dead_letters" },
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
