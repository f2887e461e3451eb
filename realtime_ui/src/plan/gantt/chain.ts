import { lowerSpan, type Bar } from "./bars.ts";

/** What comes before and after an operation, one step and all the way. */
export interface Chain {
  before: readonly Bar[];
  after: readonly Bar[];
  /** Ids of all that it waits for and that waits for it, itself included. */
  all: ReadonlySet<number>;
}

/** Who waits for whom: operation to the ones that must not start before it has ended. */
export function successorsOf(bars: ReadonlyMap<number, Bar>): Map<number, number[]> {
  const result = new Map<number, number[]>();
  for (const bar of bars.values()) {
    for (const id of bar.view.after) {
      const list = result.get(id);
      if (list === undefined) result.set(id, [bar.id]);
      else list.push(bar.id);
    }
  }
  return result;
}

function collect(start: readonly number[], next: (id: number) => readonly number[], into: Set<number>): void {
  const waiting = [...start];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (into.has(id)) continue;
    into.add(id);
    waiting.push(...next(id));
  }
}

export function chainOf(id: number, bars: ReadonlyMap<number, Bar>, successors: ReadonlyMap<number, readonly number[]>): Chain {
  const of = (ids: readonly number[]): Bar[] => ids.flatMap((each) => bars.get(each) ?? []);
  const [before, after] = [bars.get(id)?.view.after ?? [], successors.get(id) ?? []];
  const all = new Set<number>();
  collect(before, (each) => bars.get(each)?.view.after ?? [], all);
  collect(after, (each) => successors.get(each) ?? [], all);
  all.add(id);
  return { before: of(before), after: of(after), all };
}

/** The operations of an order by time, and the steps between them that can be drawn. */
export function pathOf(order: string, bars: ReadonlyMap<number, Bar>): { ids: ReadonlySet<number>; links: readonly (readonly [Bar, Bar])[] } {
  const own = [...bars.values()].filter((bar) => bar.view.order_number === order);
  const links: (readonly [Bar, Bar])[] = [];
  for (const bar of own) {
    for (const id of bar.view.after) {
      const before = bars.get(id);
      if (before !== undefined && lowerSpan(before) !== null && lowerSpan(bar) !== null) links.push([before, bar]);
    }
  }
  return { ids: new Set(own.map((bar) => bar.id)), links };
}
