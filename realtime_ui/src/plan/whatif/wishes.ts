import type { ChangeView, DraftChange, Policy } from "../../api/types.ts";
import { codeOf } from "../../promise/asked.ts";
import type { Bar, MachineRow } from "../gantt/bars.ts";
import { goalsOf, orderOf } from "../goals.tsx";

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
/** So many more of something, or so many away, at once. */
const MOST_OF = 1_000;
/** A shift: what overtime or a stop lasts where nobody says otherwise. */
const SHIFT = 8 * 60 * MINUTE;

/** What somebody may think of, in the order in which it is offered. */
export const KINDS = ["overtime", "machine_down", "resource_away", "more_of_resource", "priority", "due", "add_order", "remove_order", "material", "policy"] as const;
export type WishKind = (typeof KINDS)[number];

/** The fields of the dialogue as people fill them in; each kind of change reads its own. Times are the plant's. */
export interface Wish {
  kind: WishKind;
  /** A machine's path, or a line's: all its machines. */
  where: string;
  from: string;
  until: string;
  /** Who or what is away: a resource's id. */
  resource: string;
  /** Of what there is more. */
  skill: string;
  count: string;
  order: string;
  priority: string;
  item: string;
  quantity: string;
  due: string;
  /** An operation as `operationKey` writes it. */
  operation: string;
  at: string;
  /** Goals in their order; empty ones are left out, none at all: the sum by weights. */
  goals: readonly string[];
  /** Minutes. */
  moveTolerance: string;
  frozen: string;
  displacement: string;
}

/** What has to be said before a change can be tried; a message's key. */
export type Missing = "machine" | "resource" | "skill" | "count" | "span" | "backwards" | "past" | "order" | "priority" | "item" | "quantity" | "operation" | "moment" | "goals" | "policy";

/** A person or a tool, or several alike. */
export interface Named {
  id: number;
  name: string;
  quantity: number;
}

/** What a form's words mean. */
export interface Known {
  now: number;
  machines: ReadonlyMap<string, MachineRow>;
  bars: ReadonlyMap<number, Bar>;
  /** People and tools by id. */
  resources: ReadonlyMap<number, Named>;
  items: readonly { code: string; name: string }[];
  /** The policy in force; null as long as it is not there. */
  policy: Policy | null;
  site: string;
  /** A local time of the plant as an instant. */
  instant: (local: string) => string;
}

export type Wished = { changes: DraftChange[] } | { missing: Missing };

export function newWish(kind: WishKind, now: number, local: (at: number) => string, policy: Policy | null): Wish {
  const from = Math.ceil(now / QUARTER) * QUARTER;
  return {
    kind,
    where: "",
    from: local(from),
    until: local(from + SHIFT),
    resource: "",
    skill: "",
    count: "1",
    order: "",
    priority: "",
    item: "",
    quantity: "",
    due: "",
    operation: "",
    at: local(from),
    goals: goalsOf(policy?.order),
    moveTolerance: String((policy?.move_tolerance_ms ?? QUARTER) / MINUTE),
    frozen: String((policy?.frozen_ms ?? 10 * MINUTE) / MINUTE),
    displacement: policy?.displacement ?? "lower",
  };
}

/** An operation as it is written in a field: "WO-12 · 20". */
export function operationKey({ view }: Bar): string {
  return `${view.work_order} · ${view.operation}`;
}

/** The machines of a place: one, or all of a line. */
function machinesAt(where: string, machines: ReadonlyMap<string, MachineRow>): string[] {
  if (machines.has(where)) return [where];
  return where === "" ? [] : [...machines.keys()].filter((path) => path.startsWith(`${where}/`)).sort();
}

interface Times {
  starts_at: string;
  ends_at: string;
}

/** From when to when, in the future at least in part; or what is missing. */
function timesOf(wish: Wish, { instant, now }: Known): Times | { missing: Missing } {
  if (wish.from === "" || wish.until === "") return { missing: "span" };
  const [starts_at, ends_at] = [instant(wish.from), instant(wish.until)];
  if (ends_at <= starts_at) return { missing: "backwards" };
  return Date.parse(ends_at) <= now ? { missing: "past" } : { starts_at, ends_at };
}

function spans(wish: Wish, kind: "overtime" | "machine_down", known: Known): Wished {
  const chosen = machinesAt(wish.where, known.machines);
  if (chosen.length === 0) return { missing: "machine" };
  const times = timesOf(wish, known);
  return "missing" in times ? times : { changes: chosen.map((machine) => ({ kind, machine, ...times })) };
}

/** Somebody is away, or there is more of a skill or a tool for a time. */
function crew(wish: Wish, known: Known): Wished {
  const count = Number(wish.count);
  const away = wish.kind === "resource_away";
  const resource = known.resources.get(Number(wish.resource));
  if (away && resource === undefined) return { missing: "resource" };
  if (!away && wish.skill.trim() === "") return { missing: "skill" };
  if (!Number.isInteger(count) || count < 1 || count > MOST_OF) return { missing: "count" };
  const times = timesOf(wish, known);
  if ("missing" in times) return times;
  if (resource === undefined || !away) return { changes: [{ kind: "more_of_resource", resource: wish.skill.trim(), count, site: known.site, ...times }] };
  const all = count >= resource.quantity;
  return { changes: [{ kind: "resource_away", resource: resource.id, ...(all ? {} : { count }), ...times }] };
}

function priorityOf(text: string): number | null {
  const value = Number(text);
  return text.trim() !== "" && Number.isInteger(value) && value >= 0 && value <= 999 ? value : null;
}

function policyOf(wish: Wish, policy: Policy | null): Wished {
  if (policy === null) return { missing: "policy" };
  const goals = orderOf(wish.goals);
  if (goals === null) return { missing: "goals" };
  const fields: Record<string, unknown> = {};
  if (goals.join() !== (policy.order ?? []).join()) fields["order"] = goals;
  const minutes = (text: string, name: "move_tolerance_ms" | "frozen_ms"): void => {
    const value = Math.round(Number(text) * MINUTE);
    if (text.trim() !== "" && value >= 0 && value !== policy[name]) fields[name] = value;
  };
  minutes(wish.moveTolerance, "move_tolerance_ms");
  minutes(wish.frozen, "frozen_ms");
  if (wish.displacement !== policy.displacement) fields["displacement"] = wish.displacement;
  return Object.keys(fields).length === 0 ? { missing: "policy" } : { changes: [{ kind: "policy", fields }] };
}

/** The changes that a form asks for, or what is missing in it. */
export function wished(wish: Wish, known: Known): Wished {
  const order = wish.order.trim();
  switch (wish.kind) {
    case "overtime":
    case "machine_down":
      return spans(wish, wish.kind, known);
    case "resource_away":
    case "more_of_resource":
      return crew(wish, known);
    case "due":
      if (order === "") return { missing: "order" };
      return wish.due === "" ? { missing: "moment" } : { changes: [{ kind: "due", order, due: known.instant(wish.due) }] };
    case "priority": {
      const priority = priorityOf(wish.priority);
      if (order === "") return { missing: "order" };
      return priority === null ? { missing: "priority" } : { changes: [{ kind: "priority", order, priority }] };
    }
    case "remove_order":
      return order === "" ? { missing: "order" } : { changes: [{ kind: "remove_order", order }] };
    case "add_order": {
      const item = codeOf(wish.item, known.items);
      const quantity = Number(wish.quantity);
      if (item === undefined) return { missing: "item" };
      if (!(quantity > 0)) return { missing: "quantity" };
      const priority = priorityOf(wish.priority);
      if (wish.priority.trim() !== "" && priority === null) return { missing: "priority" };
      return { changes: [{ kind: "add_order", name: wish.item, lines: [{ item, quantity }], site: known.site, ...(priority === null ? {} : { priority }), ...(wish.due === "" ? {} : { due: known.instant(wish.due) }) }] };
    }
    case "material": {
      const bar = [...known.bars.values()].find((each) => operationKey(each) === wish.operation.trim());
      if (bar === undefined) return { missing: "operation" };
      return wish.at === "" ? { missing: "moment" } : { changes: [{ kind: "material", operation: bar.id, at: known.instant(wish.at) }] };
    }
    case "policy":
      return policyOf(wish, known.policy);
  }
}

/** A change that was not sent yet, as the API would tell it. */
export function viewOf(change: DraftChange, bars: ReadonlyMap<number, Bar>, resources: ReadonlyMap<number, Named>): ChangeView {
  const named = (id: number | null | undefined): { work_order: string; operation: number } | null => {
    const view = id == null ? undefined : bars.get(id)?.view;
    return view === undefined ? null : { work_order: view.work_order, operation: view.operation };
  };
  const blank: ChangeView = { kind: change.kind, assumed: false };
  switch (change.kind) {
    case "overtime":
    case "machine_down":
      return { ...blank, machine: change.machine, starts_at: change.starts_at, ends_at: change.ends_at };
    case "resource_away":
      return { ...blank, resource: resources.get(change.resource)?.name ?? null, count: change.count ?? null, starts_at: change.starts_at, ends_at: change.ends_at };
    case "more_of_resource":
      return { ...blank, resource: change.resource, count: change.count ?? 1, starts_at: change.starts_at, ends_at: change.ends_at };
    case "split":
      return { ...blank, operation: named(change.operation), machine: change.machine };
    case "move":
      return { ...blank, machine: change.machine, operation: named(change.operation), before: named(change.before), starts_at: change.start ?? null };
    case "material":
      return { ...blank, operation: named(change.operation), starts_at: change.at };
    case "priority":
      return { ...blank, order: change.order, priority: change.priority };
    case "due":
      return { ...blank, order: change.order, due: change.due };
    case "remove_order":
      return { ...blank, order: change.order };
    case "add_order":
      return { ...blank, name: change.name, items: change.lines.map((line) => `${line.quantity} × ${line.item}`), priority: change.priority ?? null, due: change.due ?? null };
    case "policy":
      return { ...blank, fields: change.fields };
  }
}
