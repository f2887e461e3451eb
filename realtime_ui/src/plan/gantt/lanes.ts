import { hasStarted, type Bar, type Closure, type MachineRow, type ResourceRow, type Span } from "./bars.ts";
import { open } from "./load.ts";
import { byLowerStart, byPlannedStart, numeric, type Group, type Row } from "./rows.ts";

/** Of a larger pool only the places that are used are shown, and so many. */
const MOST_PLACES = 24;

/** What work needs beside its machine, as master data says it: `welder=2@setup`. */
export interface Need {
  skill: string;
  count: number;
  during: "setup" | "run" | "both";
}

/** A place in the lane of a skill: one of so many people or tools, whoever it is. */
export interface Lane {
  kind: "operator" | "tool";
  unavailable: readonly Closure[];
}

export function needOf(text: string): Need {
  const [, skill = text, count = "1", during = "both"] = /^([^=@]+)(?:=(\d+))?(?:@(\w+))?$/.exec(text) ?? [];
  return { skill, count: Number(count), during: during === "setup" || during === "run" ? during : "both" };
}

/** What a bar needs where it is planned: its own needs and its machine's. */
export function needsOf(bar: Bar, machines: ReadonlyMap<string, MachineRow>): Need[] {
  const machine = bar.view.machine === null ? undefined : machines.get(bar.view.machine);
  return [...(bar.view.needs ?? []), ...(machine?.view.needs ?? [])].map(needOf);
}

/** What a skill is called: a tool's or a person's own code is theirs. */
export function skillName(skill: string, resources: Iterable<ResourceRow>): string {
  for (const { view } of resources) if (view.code === skill) return view.name;
  return skill;
}

/** When a bar holds what it needs; people go elsewhere while the machine has a break. */
function holds(bar: Bar, { during }: Need, people: boolean, machine: MachineRow | undefined): Span[] {
  if (bar.planned === null) return [];
  const setup = Math.min(bar.setupFrom ?? bar.planned.from, bar.planned.from);
  const span = { from: during === "run" ? bar.planned.from : setup, to: during === "setup" ? bar.planned.from : bar.planned.to };
  if (span.from >= span.to) return [];
  return people && machine !== undefined ? open(span, machine.unavailable) : [span];
}

/** A bar as a lane shows it: only as long as it holds what it needs. */
function shown(bar: Bar, { during }: Need): Bar {
  const { planned, setupFrom, projected } = bar;
  if (during === "both" || planned === null) return bar;
  if (during === "run") return { ...bar, setupFrom: null };
  const from = Math.min(setupFrom ?? planned.from, planned.from);
  const ahead = projected === null || hasStarted(bar) ? null : { from: projected.from - (planned.from - from), to: projected.from };
  return { ...bar, planned: { from, to: planned.from }, setupFrom: null, projected: ahead };
}

interface Place {
  bars: Bar[];
  /** What is held from the last bar's begin on. */
  taken: Span[];
  away: readonly Closure[];
}

function meets(spans: readonly Span[], others: readonly Span[]): boolean {
  return spans.some((span) => others.some((other) => span.from < other.to && other.from < span.to));
}

/** When so many of a pool are not there, as places: the last ones are empty first. */
export function awayPlaces(members: readonly ResourceRow[]): Closure[][] {
  const quantity = members.reduce((sum, { view }) => sum + view.quantity, 0);
  const places = Array.from({ length: Math.min(quantity, 1_000) }, (): Closure[] => []);
  const closures = members.flatMap((member) => member.unavailable.map((closed) => ({ ...closed, member })));
  const edges = [...new Set(closures.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  for (const [at, from] of edges.entries()) {
    const to = edges[at + 1];
    if (to === undefined) break;
    const away = closures.filter((closed) => closed.from <= from && closed.to >= to);
    // Who is ill takes the last place; who has no shift the ones before it. Nobody is away twice.
    away.sort((a, b) => Number(a.why === "closed") - Number(b.why === "closed"));
    let place = places.length - 1;
    for (const member of new Set(away.map((each) => each.member))) {
      const own = away.filter((each) => each.member === member);
      const units = Math.min(member.view.quantity, own.reduce((sum, each) => sum + (each.units ?? member.view.quantity), 0));
      const why = own[0]?.why ?? "closed";
      for (let unit = 0; unit < units && place >= 0; unit += 1, place -= 1) {
        const list = places[place];
        const last = list?.at(-1);
        const words = why === "closed" ? why : `${why}\n${member.view.name}`;
        if (last?.to === from && last.why === words) last.to = to;
        else list?.push({ from, to, why: words });
      }
    }
  }
  return places;
}

/** Bars side by side: each in the first place that is free, one for each of those it needs. */
function seated(bars: readonly Bar[], wanted: ReadonlyMap<Bar, { count: number; spans: readonly Span[] }>, away: readonly Closure[][]): Place[] {
  const places: Place[] = away.map((closures) => ({ bars: [], taken: [], away: closures }));
  for (const bar of bars) {
    const want = wanted.get(bar);
    if (want === undefined) continue;
    const from = want.spans[0]?.from ?? 0;
    const free = (place: Place): boolean => {
      place.taken = place.taken.filter((span) => span.to > from);
      return !meets(want.spans, place.taken);
    };
    for (let unit = 0; unit < want.count; unit += 1) {
      const empty = places.filter((each) => !each.bars.includes(bar) && free(each));
      let place = empty.find((each) => !meets(want.spans, each.away)) ?? empty[0];
      if (place === undefined) {
        place = { bars: [], taken: [], away: [] };
        places.push(place);
      }
      place.bars.push(bar);
      place.taken.push(...want.spans);
    }
  }
  return places;
}

/**
 * The lanes of people and tools: of each skill that work needs so many places as there are people or
 * tools who have it. The plan does not say who does what, so a place is not a person.
 */
export function rowsByResource(resources: Iterable<ResourceRow>, bars: Iterable<Bar>, machines: ReadonlyMap<string, MachineRow>): Group[] {
  const pools = new Map<string, { site: string; skill: string; needs: Map<Bar, Need[]> }>();
  for (const bar of bars) {
    const site = bar.view.machine?.split("/")[0];
    if (site === undefined || bar.planned === null) continue;
    for (const need of needsOf(bar, machines)) {
      const key = `${site}/${need.skill}`;
      const pool = pools.get(key) ?? { site, skill: need.skill, needs: new Map<Bar, Need[]>() };
      pools.set(key, pool);
      pool.needs.set(bar, [...(pool.needs.get(bar) ?? []), need]);
    }
  }
  // However they were told: people look for a name where it was the last time.
  const all = [...resources].sort((a, b) => numeric.compare(a.view.code, b.view.code));
  const several = new Set([...pools.values()].map((pool) => pool.site)).size > 1;
  return [...pools].sort(([a], [b]) => numeric.compare(a, b)).map(([key, { site, skill, needs }]): Group => {
    const members = all.filter(({ view }) => view.site === site && (view.code === skill || view.skills.includes(skill)));
    const kind = members.some(({ view }) => view.kind === "operator") || members.length === 0 ? "operator" : "tool";
    const wanted = new Map([...needs].flatMap(([bar, each]) => {
      const machine = bar.view.machine === null ? undefined : machines.get(bar.view.machine);
      const spans = each.flatMap((need) => holds(bar, need, kind === "operator", machine));
      spans.sort((a, b) => a.from - b.from);
      // Who is needed for the set-up and for the run is needed all the time.
      const all = each.length > 1 || each[0] === undefined ? bar : shown(bar, each[0]);
      return spans.length === 0 ? [] : [[all, { count: Math.min(Math.max(...each.map((need) => need.count)), 1_000), spans }] as const];
    }));
    const places = seated(byPlannedStart([...wanted.keys()]), wanted, awayPlaces(members));
    const own = members.find(({ view }) => view.code === skill);
    const label = own?.view.name ?? skill;
    const names = members.filter((member) => member !== own).map(({ view }) => (view.quantity > 1 ? `${view.quantity} × ${view.name}` : view.name));
    return {
      key,
      label: several ? `${site} · ${label}` : label,
      detail: names.join(", "),
      rows: places.filter((place, at) => at < MOST_PLACES || place.bars.length > 0).map((place, at): Row => ({
        key: `${key}/${at + 1}`,
        label: places.length === 1 ? (members.length === 1 ? (members[0]?.view.name ?? label) : label) : `${label} · ${at + 1}`,
        detail: "",
        machine: null,
        lane: { kind, unavailable: place.away },
        order: null,
        lateness: null,
        due: null,
        planned: place.bars,
        lower: byLowerStart([...place.bars]),
      })),
    };
  });
}
