import { lowerSpan, type Bar, type MachineRow, type Span } from "./bars.ts";

const MINUTE = 60_000;

/** What an oven takes at once has equal times: they are its batch. */
function keyOf(span: Span | null): string | null {
  return span === null ? null : `${Math.round(span.from / MINUTE)} ${Math.round(span.to / MINUTE)}`;
}

function together(bars: readonly Bar[], key: (bar: Bar) => string | null): Bar[] {
  const loads = new Map<string, Bar[]>();
  for (const bar of bars) {
    const name = key(bar) ?? `alone ${bar.id}`;
    const load = loads.get(name);
    if (load === undefined) loads.set(name, [bar]);
    else load.push(bar);
  }
  return [...loads.values()].flatMap(standFor);
}

/** One bar for all of a load: as late as the latest of them. */
function standFor(load: readonly Bar[]): readonly Bar[] {
  const [first] = load;
  if (first === undefined || load.length === 1) return load;
  const late = load.flatMap((bar) => bar.view.lateness_minutes ?? []);
  return [{ ...first, view: { ...first.view, lateness_minutes: late.length === 0 ? null : Math.max(...late) }, batch: load }];
}

/** The bars of an oven's row with each load as one bar; those of other machines as they are. */
export function plannedLoads(machine: MachineRow, bars: readonly Bar[]): readonly Bar[] {
  return machine.view.batch_capacity == null ? bars : together(bars, (bar) => keyOf(bar.planned));
}

/** The same for what really happens. */
export function lowerLoads(machine: MachineRow, bars: readonly Bar[]): readonly Bar[] {
  return machine.view.batch_capacity == null ? bars : together(bars, (bar) => keyOf(lowerSpan(bar)));
}

/** What shares an oven's load with a bar, itself among them; none: it is alone. */
export function loadWith(bar: Bar, bars: Iterable<Bar>, machines: ReadonlyMap<string, MachineRow>): readonly Bar[] {
  const oven = bar.view.machine === null ? undefined : machines.get(bar.view.machine);
  const key = keyOf(bar.planned);
  if (oven?.view.batch_capacity == null || key === null) return [];
  const load = [...bars].filter((each) => each.view.machine === bar.view.machine && keyOf(each.planned) === key);
  return load.length > 1 ? load : [];
}

/** Whether a bar, or one that it stands for, is among some. */
export function isAmong(bar: Bar, ids: { has: (id: number) => boolean }): boolean {
  return bar.batch === undefined ? ids.has(bar.id) : bar.batch.some((each) => ids.has(each.id));
}
