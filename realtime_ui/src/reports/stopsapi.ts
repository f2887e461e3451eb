import type { components } from "../api/openapi.gen.ts";
import { ask } from "../api/problem.ts";
import { query } from "./api.ts";

type Schemas = components["schemas"];
/** A stretch in which a machine stood, with the reason that holds. */
export type Stop = Schemas["MachineStop"];
export type StopList = Schemas["MachineStopList"];
export type StopReason = Schemas["StopReason"];
/** A state that a machine told, from a time on. */
export interface StateChange {
  at: string;
  state: string;
}

export interface StopQuery {
  machine?: string | undefined;
  line?: string | undefined;
  site?: string | undefined;
  from: string;
  to: string;
  time_class?: string | undefined;
  /** Empty: without one. */
  reason?: string | undefined;
  language?: string | undefined;
  limit?: number | undefined;
  /** From a page that said there is more. */
  before?: string | undefined;
}

export async function readStops(asked: StopQuery, signal?: AbortSignal): Promise<StopList> {
  const { reason, ...others } = asked;
  const said = query(others);
  // An empty reason is one, too: stops that nobody gave one for.
  const address = reason === undefined ? said : `${said}${said === "" ? "?" : "&"}reason=${encodeURIComponent(reason)}`;
  return (await ask("GET", `/v1/reports/stops${address}`, undefined, signal)) as StopList;
}

/** Every stop of a machine's day. */
export async function readDay(machine: string, day: string, language: string, signal?: AbortSignal): Promise<Stop[]> {
  const stops: Stop[] = [];
  let before: string | undefined;
  for (;;) {
    const page = await readStops({ machine, from: day, to: day, language, limit: 200, before }, signal);
    stops.push(...page.items);
    if (page.next === null) return stops.sort((left, right) => Date.parse(left.from) - Date.parse(right.from));
    before = page.next;
  }
}

export async function readReasons(site: string, language: string): Promise<StopReason[]> {
  const found = (await ask("GET", `/v1/reports/stop-reasons${query({ site, language })}`)) as Schemas["StopReasonList"];
  return found.items.filter((each) => !each.retired);
}

/** What a machine told of its states; up to where it told. */
export async function readStates(machine: string, from: string, to: string, signal?: AbortSignal): Promise<Schemas["History"]> {
  const path = machine.split("/").map(encodeURIComponent).join("/");
  return (await ask("GET", `/v1/machines/${path}/history${query({ from, to, resolution: "raw", limit: 10_000 })}`, undefined, signal)) as Schemas["History"];
}

/** Say why a machine stood; null: take back what people said of that time. Answers the entries' numbers. */
export async function giveReason(machine: string, from: string, until: string, reason: string | null, note: string | null): Promise<number[]> {
  const given = (await ask("POST", "/v1/reports/stops", { entries: [{ machine, from, until, reason, note }] })) as Schemas["StopReasonEntries"];
  return given.items.map((each) => each.id);
}

/** Make it as it was before these entries. */
export async function undoReasons(ids: readonly number[]): Promise<unknown> {
  return ask("POST", "/v1/reports/stops/undo", { ids });
}
