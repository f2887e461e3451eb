import type { ChangeView, Comparison, DelayCause, Help, LaterOrder, OrderShift, PlanEntry } from "../../api/types.ts";
import { wordOf } from "../../i18n/translator.ts";
import { lateCauseWords, latenessWords, minutesWords, momentWords, operationWords, type Telling } from "../words.ts";

/** "25 min later", "1 h earlier". */
export function shiftWords({ t }: Telling, minutes: number): string {
  const duration = minutesWords(t, minutes);
  return minutes >= 0 ? t("whatif.later_by", { duration }) : t("whatif.earlier_by", { duration });
}

/** "SO-4 (Acme): 25 min later, then late 20 min". */
export function orderShiftWords(telling: Telling, shift: OrderShift): string {
  const { t } = telling;
  return t("whatif.order", {
    customer: shift.customer,
    shift: shiftWords(telling, shift.minutes),
    lateness: latenessWords(t, shift.lateness_minutes) ?? t("whatif.no_due"),
  });
}

/** Set-up more or less than before, in words. */
export function setupWords({ t }: Telling, minutes: number): string {
  if (minutes === 0) return t("whatif.setup_same");
  const duration = minutesWords(t, minutes);
  return minutes > 0 ? t("whatif.setup_more", { duration }) : t("whatif.setup_less", { duration });
}

/** What a draft does to others, in one line. */
export function effectWords(telling: Telling, compared: Comparison): string {
  const { t } = telling;
  const moved = Object.values(compared.moved).reduce((sum, n) => sum + n, 0);
  return [
    t("whatif.later_count", { n: compared.later.length }),
    t("whatif.earlier_count", { n: compared.earlier.length }),
    ...(compared.newly_late > 0 ? [t("whatif.newly_late", { n: compared.newly_late })] : []),
    ...(compared.late_no_more > 0 ? [t("whatif.late_no_more", { n: compared.late_no_more })] : []),
    setupWords(telling, compared.setup_minutes),
    t("whatif.moved_count", { n: moved }),
  ].join(" · ");
}

/** "first: keep due dates, then: little set-up; a start may move by 15 min": a policy where it is another one. */
function policyWords({ t }: Telling, fields: Record<string, unknown> | undefined): string {
  const said = Object.entries(fields ?? {}).map(([name, value]) => {
    if (name === "order" && Array.isArray(value)) return value.length === 0 ? t("change.policy_weights") : t("change.policy_order", { goals: value.map((goal) => wordOf(t, "criterion", String(goal))).join(" → ") });
    if (name === "move_tolerance_ms") return t("change.policy_move", { duration: minutesWords(t, Number(value) / 60_000) });
    if (name === "frozen_ms") return t("change.policy_frozen", { duration: minutesWords(t, Number(value) / 60_000) });
    if (name === "displacement") return t("change.policy_displacement", { rule: wordOf(t, "displacement", String(value)) });
    return t("change.policy_field", { field: wordOf(t, "policy", name), value: String(value) });
  });
  return said.length === 0 ? t("change.policy") : t("change.policy_is", { what: said.join(", ") });
}

/** A change that a draft is made with. */
export function changeWords(telling: Telling, change: ChangeView): string {
  const { t } = telling;
  const machine = change.machine == null ? t("why.a_machine") : telling.machine(change.machine);
  const what = operationWords(t, change.operation?.work_order, change.operation?.operation);
  const [from, until] = [momentWords(telling, change.starts_at), momentWords(telling, change.ends_at)];
  const order = change.order ?? t("why.an_order");
  switch (change.kind) {
    case "machine_down":
      return t("change.machine_down", { machine, from, until });
    case "overtime":
      return t("change.overtime", { machine, from, until });
    case "resource_away":
      return t("change.resource_away", { resource: change.resource ?? t("why.somebody"), count: change.count ?? 0, from, until });
    case "more_of_resource":
      return t("change.more_of_resource", { resource: change.resource ?? "", count: change.count ?? 1, from, until });
    case "split":
      return t("change.split", { what, machine });
    case "due":
      return t("change.due", { order, due: momentWords(telling, change.due) });
    case "move":
      return change.before == null
        ? t("change.move", { what, machine, from })
        : t("change.move_before", { what, machine, before: operationWords(t, change.before.work_order, change.before.operation) });
    case "material":
      return t("change.material", { what, from });
    case "priority":
      return t("change.priority", { order, priority: change.priority ?? 0 });
    case "remove_order":
      return t("change.remove_order", { order });
    case "add_order":
      return t("change.add_order", { name: change.name ?? "", items: (change.items ?? []).join(", ") });
    case "policy":
      return policyWords(telling, change.fields);
    default:
      return change.kind.replaceAll("_", " ");
  }
}

/** Changes in words; the same one on several machines, as of a line, is told once. */
export function changesWords(telling: Telling, changes: readonly ChangeView[]): string[] {
  return together(changes).map((alike) => {
    const [first] = alike;
    if (first === undefined) return "";
    const names = alike.map((change) => (change.machine == null ? "" : telling.machine(change.machine)));
    return changeWords(alike.length === 1 ? telling : { ...telling, machine: () => names.join(", ") }, first);
  });
}

/** What publishing enters, in words; the same of several machines is told once. */
export function entriesWords(telling: Telling, entries: readonly PlanEntry[]): string[] {
  return together(entries).map((alike) => {
    const [first] = alike;
    if (first === undefined) return "";
    const names = alike.map((entry) => (entry.machine == null ? "" : telling.machine(entry.machine)));
    return entryWords(alike.length === 1 ? telling : { ...telling, machine: () => names.join(", ") }, first);
  });
}

interface OfMachine {
  kind: string;
  machine?: string | null;
  starts_at?: string | null;
  ends_at?: string | null;
}

/** What differs in its machine only stands together. */
function together<Told extends OfMachine>(told: readonly Told[]): Told[][] {
  const groups = new Map<string, Told[]>();
  for (const [place, each] of told.entries()) {
    const alike = ["overtime", "machine_down", "maintenance", "extra_shift"].includes(each.kind);
    const key = alike ? `${each.kind} ${each.starts_at ?? ""} ${each.ends_at ?? ""}` : String(place);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()];
}

/** What publishing a draft enters into calendars, absences, policy and orders. */
export function entryWords(telling: Telling, entry: PlanEntry): string {
  const { t } = telling;
  const machine = entry.machine == null ? t("why.a_machine") : telling.machine(entry.machine);
  const [from, until] = [momentWords(telling, entry.starts_at), momentWords(telling, entry.ends_at)];
  switch (entry.kind) {
    case "maintenance":
      return t("entry.maintenance", { machine, from, until });
    case "extra_shift":
      return t("entry.extra_shift", { machine, from, until });
    case "absence":
      return t("entry.absence", { resource: entry.resource ?? t("why.somebody"), count: entry.count ?? 0, from, until });
    case "policy":
      return policyWords(telling, entry.after);
    case "priority":
      return t("change.priority", { order: entry.order ?? t("why.an_order"), priority: Number(entry.after?.["priority"] ?? 0) });
    default:
      return changeWords(telling, { kind: entry.kind, assumed: true, machine: entry.machine ?? null, order: entry.order ?? null, resource: entry.resource ?? null, count: entry.count ?? null, starts_at: entry.starts_at ?? null, ends_at: entry.ends_at ?? null });
  }
}

/** Why something cannot be entered, and what to do. */
export function refusedWords({ t }: Telling, entry: PlanEntry): string {
  return (t.language === "zh-CN" ? entry.problem_zh : entry.problem) ?? "";
}

/** What has a part of the delay: a wait, or what the work itself takes. */
export function shareWords(telling: Telling, share: DelayCause): string {
  const { t } = telling;
  const what = operationWords(t, share.work_order, share.operation);
  switch (share.cause) {
    case "setup":
      return t("share.setup", { what });
    case "way":
      return t("share.way", { what });
    case "overdue":
      return t("share.overdue");
    default:
      return lateCauseWords(telling, share);
  }
}

/** A change that would help, as a proposal. */
export function helpWords(telling: Telling, help: Help): string {
  const { t } = telling;
  const machine = help.machine === null ? t("why.a_machine") : telling.machine(help.machine);
  const what = operationWords(t, help.operation?.work_order, help.operation?.operation);
  switch (help.kind) {
    case "overtime":
      return t("help.overtime", { machine, from: momentWords(telling, help.starts_at), until: momentWords(telling, help.ends_at) });
    case "other_machine":
      return t("help.other_machine", { what, machine });
    case "ahead":
      return t("help.ahead", { what, behind: operationWords(t, help.behind?.work_order, help.behind?.operation) });
    case "earlier_material":
      return t("help.earlier_material", { what });
    case "more_of_resource":
      return t("help.more_of_resource", { resource: help.resource ?? "" });
    case "split":
      return t("help.split", { what, machine });
    case "close_up":
      return t("help.close_up");
  }
}

/** "25 min later, then late 20 min": work that pays for another's. */
export function laterWords({ t }: Telling, later: LaterOrder): string {
  const duration = minutesWords(t, later.minutes);
  return later.late_minutes > 0 ? t("whatif.later_late", { duration, late: minutesWords(t, later.late_minutes) }) : t("whatif.later_by", { duration });
}
