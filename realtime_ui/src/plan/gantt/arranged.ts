import type { PlanStore } from "../store.ts";
import { isOver, lowerSpan, type Bar, type Span } from "./bars.ts";
import { rowsByResource } from "./lanes.ts";
import { layOut, type Layout } from "./layout.ts";
import { rowsByMachine, rowsByOrder, type Arrangement, type Group } from "./rows.ts";

/** Around now there is always so much to see. */
const MARGIN = 10 * 60_000;

function groupsOf({ machines, resources, bars }: PlanStore, arrangement: Arrangement): Group[] {
  switch (arrangement) {
    case "machine":
      return rowsByMachine(machines.values(), bars.values());
    case "resource":
      return rowsByResource(resources.values(), bars.values(), machines);
    case "order":
      return rowsByOrder(bars.values());
  }
}

/** A store's bars in rows; arranged again when the store or the arrangement changed. */
export class Arranged {
  layout: Layout = layOut([]);
  readonly #store: PlanStore;
  #known: { version: number; arrangement: Arrangement } | null = null;

  constructor(store: PlanStore) {
    this.#store = store;
  }

  /** Returns whether anything changed. */
  update(arrangement: Arrangement): boolean {
    const { version } = this.#store;
    if (this.#known?.version === version && this.#known.arrangement === arrangement) return false;
    this.#known = { version, arrangement };
    this.layout = layOut(groupsOf(this.#store, arrangement));
    return true;
  }

  /** The machines in the order of their rows; in other arrangements everything stays on its machine. */
  machines(): string[] {
    return this.layout.items.flatMap((item) => item.row?.machine?.view.machine ?? []);
  }

  /** What there is to see: all bars, and now. */
  world(now: number): Span {
    let [from, to] = [now, now];
    for (const bar of this.#store.bars.values()) {
      for (const span of [bar.planned, bar.projected]) {
        if (span === null) continue;
        from = Math.min(from, span.from);
        to = Math.max(to, span.to);
      }
    }
    return { from: Math.min(from, now - MARGIN), to: Math.max(to, now + MARGIN) };
  }

  /** What is open of an order, by time. */
  ahead(order: string | null): Bar[] {
    if (order === null) return [];
    const open = [...this.#store.bars.values()].filter((bar) => bar.view.order_number === order && !isOver(bar) && lowerSpan(bar) !== null);
    return open.sort((a, b) => (lowerSpan(a)?.from ?? 0) - (lowerSpan(b)?.from ?? 0));
  }
}
