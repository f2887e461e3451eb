import type { Closure, Span } from "./bars.ts";

/** What is held, from when to when; sorted by its beginning. */
export interface Hold {
  setupFrom: number | null;
  planned: Span | null;
}

/** How much of a window lies within spans; where they overlap, time counts once. They are sorted by their beginning. */
function covered(spans: Iterable<Span>, window: Span): number {
  let [sum, until] = [0, window.from];
  for (const { from, to } of spans) {
    const [begin, end] = [Math.max(from, until), Math.min(to, window.to)];
    if (end > begin) sum += end - begin;
    until = Math.max(until, Math.min(to, window.to));
  }
  return sum;
}

/** Parts of a span that are outside of closures. */
export function open(span: Span, closures: readonly Closure[]): Span[] {
  let from = span.from;
  const found: Span[] = [];
  for (const closed of closures) {
    if (closed.to <= from) continue;
    if (closed.from >= span.to) break;
    if (closed.from > from) found.push({ from, to: closed.from });
    from = Math.max(from, closed.to);
  }
  if (from < span.to) found.push({ from, to: span.to });
  return found;
}

/**
 * The share of a window's working time that is planned, set-up included, 0 to 1; null where there
 * is none. Work that goes on through a closure counts as far as the window is open.
 */
export function loadOf(holds: readonly Hold[], closures: readonly Closure[], window: Span): number | null {
  const working = open(window, [...closures].sort((a, b) => a.from - b.from));
  const total = working.reduce((sum, span) => sum + span.to - span.from, 0);
  if (total <= 0) return null;
  const spans = holds.flatMap(({ setupFrom, planned }) => (planned === null ? [] : [{ from: Math.min(setupFrom ?? planned.from, planned.from), to: planned.to }]));
  spans.sort((a, b) => a.from - b.from);
  return working.reduce((sum, span) => sum + covered(spans, span), 0) / total;
}
