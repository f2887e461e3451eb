import type { AlarmPriority, AlarmState, DefinitionKind, HistoryQuery } from "./api.ts";
import { ASIDE, ASKING, PRIORITIES, STANDING } from "./priorities.ts";

/** What the list shows: what stands, what asks, one of the states put aside, everything there ever was. */
export const SHOWN = ["asking", "acknowledged", "aside", "shelved", "suppressed", "out_of_service", "all"] as const;
export type Shown = (typeof SHOWN)[number];

export interface AlarmSearch {
  state?: Shown;
  /** Some of them, apart by commas. */
  priority?: string;
  site?: string;
  mine?: 1;
  search?: string;
  rule?: string;
  subject?: string;
  /** The one whose details are shown. */
  alarm?: number;
  page?: number;
}

export const KINDS: readonly DefinitionKind[] = ["rules", "escalations", "rotas", "recipients"];

const ALL: readonly AlarmState[] = [...STANDING, ...ASIDE, "normal"];

/** Which states a choice means; undefined: what stands in the list, as the server has it. */
export function statesOf(shown: Shown | undefined): readonly AlarmState[] | undefined {
  switch (shown) {
    case undefined:
      return undefined;
    case "asking":
      return ASKING;
    case "acknowledged":
      return ["acknowledged", "latched_acknowledged"];
    case "aside":
      return ASIDE;
    case "all":
      return ALL;
    case "shelved":
    case "suppressed":
    case "out_of_service":
      return [shown];
  }
}

export function prioritiesOf(text: string | undefined): readonly AlarmPriority[] | undefined {
  const wanted = PRIORITIES.filter((each) => text?.split(",").includes(each));
  return wanted.length === 0 || wanted.length === PRIORITIES.length ? undefined : wanted;
}

/** A priority more, or less; the empty text: all of them. */
export function togglePriority(text: string | undefined, priority: AlarmPriority): string {
  const wanted = new Set<string>(prioritiesOf(text) ?? []);
  if (!wanted.delete(priority)) wanted.add(priority);
  return PRIORITIES.filter((each) => wanted.has(each)).join(",");
}

type Given = Record<string, unknown>;

function said(search: Given, name: string): string | undefined {
  const value = search[name];
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
}

function whole(search: Given, name: string): number | undefined {
  const value = Number(search[name]);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** Only what is given: an address has no empty parts. */
function given<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

export function alarmSearchOf(search: Given): AlarmSearch {
  const priority = prioritiesOf(said(search, "priority"))?.join(",");
  return given<Required<AlarmSearch>>({
    state: SHOWN.find((each) => each === search["state"]),
    priority,
    site: said(search, "site"),
    mine: String(search["mine"]) === "1" ? 1 : undefined,
    search: said(search, "search"),
    rule: said(search, "rule"),
    subject: said(search, "subject"),
    alarm: whole(search, "alarm"),
    page: whole(search, "page"),
  });
}

export interface HistorySearch {
  site?: string;
  event?: string;
  priority?: string;
  search?: string;
  /** Days of the site, `2026-11-22`. */
  from?: string;
  to?: string;
  alarm?: number;
  page?: number;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

export const EVENTS = ["raise", "clear", "acknowledge", "reset", "shelve", "unshelve", "suppress", "unsuppress", "remove", "return"] as const;

export function historySearchOf(search: Given): HistorySearch {
  const day = (name: string): string | undefined => (DAY.test(said(search, name) ?? "") ? said(search, name) : undefined);
  return given<Required<HistorySearch>>({
    site: said(search, "site"),
    event: EVENTS.find((each) => each === search["event"]),
    priority: prioritiesOf(said(search, "priority"))?.join(","),
    search: said(search, "search"),
    from: day("from"),
    to: day("to"),
    alarm: whole(search, "alarm"),
    page: whole(search, "page"),
  });
}

export type Filter = Omit<HistoryQuery, "limit" | "offset">;

export interface RatesSearch {
  site?: string;
  days?: number;
  operators?: number;
}

export const PERIODS = [1, 7, 30, 90] as const;

export function ratesSearchOf(search: Given): RatesSearch {
  return given<Required<RatesSearch>>({
    site: said(search, "site"),
    days: PERIODS.find((each) => each === whole(search, "days")),
    operators: Math.min(whole(search, "operators") ?? 1, 1_000) === 1 ? undefined : Math.min(whole(search, "operators") ?? 1, 1_000),
  });
}

export interface RulesSearch {
  kind?: DefinitionKind;
  /** The one that is open; `+`: a new one. */
  code?: string;
  retired?: 1;
  view?: "import";
}

export function rulesSearchOf(search: Given): RulesSearch {
  return given<Required<RulesSearch>>({
    kind: KINDS.find((each) => each === search["kind"]),
    code: said(search, "code"),
    retired: String(search["retired"]) === "1" ? 1 : undefined,
    view: search["view"] === "import" ? "import" : undefined,
  });
}

export interface WaysSearch {
  tab?: "templates" | "messages";
  code?: string;
  state?: string;
  page?: number;
}

export function waysSearchOf(search: Given): WaysSearch {
  return given<Required<WaysSearch>>({
    tab: (["templates", "messages"] as const).find((each) => each === search["tab"]),
    code: said(search, "code"),
    state: said(search, "state"),
    page: whole(search, "page"),
  });
}
