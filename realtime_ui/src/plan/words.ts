import type { DisruptionView, OperationDifference, OrderDifference, PlanLateCause, PlanReason, PlanSummary } from "../api/types.ts";
import { formatDuration, formatShortMoment, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import type { PlanTranslator } from "./language.tsx";

const MINUTE = 60_000;
/** Within this of its due date an order counts as on time. */
const ON_TIME_MINUTES = 5;
/** Reasons told one by one; the others are counted. */
const MOST_REASONS = 3;

/** What a sentence needs besides its subject: words, now, the plant's zone, names of machines. */
export interface Telling {
  t: PlanTranslator;
  now: number;
  zone: string;
  /** A machine's name by its path. */
  machine: (path: string) => string;
}

/** The last part of a machine's path: its name as long as no better one is known. */
export function shortName(path: string): string {
  return path.split("/").at(-1) ?? path;
}

export function momentWords({ t, now, zone }: Telling, at: string | null | undefined): string {
  const time = timeOf(at);
  return time === null ? "–" : formatShortMoment(t, time, now, zone);
}

export function minutesWords(t: PlanTranslator, minutes: number): string {
  return formatDuration(t, Math.max(1, Math.abs(minutes)) * MINUTE);
}

/** Lateness in words: "late 1 h 20 min", "2 h early", "on time"; null when nothing is known. */
export function latenessWords(t: PlanTranslator, minutes: number | null): string | null {
  if (minutes === null) return null;
  if (minutes > ON_TIME_MINUTES) return t("late.late", { duration: minutesWords(t, minutes) });
  return minutes < -ON_TIME_MINUTES ? t("late.early", { duration: minutesWords(t, minutes) }) : t("late.on_time");
}

/** Who published a plan: a person, or (null) the planner itself. */
export function publisherWords(t: PlanTranslator, name: string | null): string {
  return name ?? t("plan.who.planner");
}

/** "WO-12 · 20 Welding": an operation as people point at it. */
export function operationWords(t: PlanTranslator, workOrder: string | null | undefined, operation: number | null | undefined, name?: string | null): string {
  if (workOrder == null) return t("why.work");
  if (operation == null) return workOrder;
  return t("difference.where", { work_order: workOrder, operation: name == null || name === "" ? operation : `${operation} ${name}` });
}

type Cause = Pick<PlanReason, "kind" | "machine" | "work_order" | "operation" | "order" | "detail">;

function text(value: unknown): string | null {
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

/** What happened, as a clause: "Press 250 t is down (drive overload)". */
export function causeWords({ t, machine }: Telling, cause: Cause): string {
  const detail = cause.detail ?? {};
  const where = cause.machine == null ? t("why.a_machine") : machine(cause.machine);
  const what = operationWords(t, cause.work_order, cause.operation);
  const order = cause.order ?? cause.work_order ?? t("why.an_order");
  const duration = minutesWords(t, typeof detail["minutes"] === "number" ? detail["minutes"] : 0);
  const reason = text(detail["reason"]);
  const by = text(detail["by"]) ?? t("why.somebody");
  switch (cause.kind) {
    case "machine_down":
      return reason === null ? t("why.machine_down", { machine: where }) : t("why.machine_down_reason", { machine: where, reason: reasonText(t, reason) });
    case "machine_up":
      return t("why.machine_up", { machine: where });
    case "operation_late":
      return t("why.operation_late", { what, duration });
    case "operation_early":
      return t("why.operation_early", { what, duration });
    case "promise_at_risk":
      return t("why.promise_at_risk", { order, duration });
    case "work_released":
      return t("why.work_released", { what: cause.order ?? what });
    case "rush_order":
      return t("why.rush_order", { order });
    case "order_changed":
      return t("why.order_changed", { order });
    case "order_cancelled":
      return t("why.order_cancelled", { order });
    case "calendar_changed":
      return detail["what"] === "policy" ? t("why.policy_changed", { by }) : t("why.calendar_changed");
    case "material_late": {
      const item = text(detail["item"]);
      return item === null ? t("why.material_late", { what, duration }) : t("why.material_late_item", { what, duration, item, reference: text(detail["reference"]) ?? "–" });
    }
    case "resource_absent": {
      const name = text(detail["name"]) ?? t("why.somebody");
      return detail["back"] === true ? t("why.resource_back", { name }) : t("why.resource_absent", { name, reason: reason ?? "–" });
    }
    case "operation_locked":
      return text(detail["to"]) === null ? t("why.operation_freed", { by, what }) : t("why.operation_locked", { by, what, machine: where });
    case "maintenance_planned":
      return detail["given_up"] === true ? t("why.maintenance_given_up", { machine: where }) : t("why.maintenance_planned", { machine: where, reason: reason ?? "–" });
    case "requested":
      return t("why.requested", { by, reason: reason ?? "–" });
    default:
      return cause.kind.replaceAll("_", " ");
  }
}

/** The same as a sentence of its own. Names stay as they are written: "weld-01 is down". */
export function causeSentence(telling: Telling, cause: Cause): string {
  const clause = causeWords(telling, cause);
  const names = [cause.machine == null ? null : telling.machine(cause.machine), cause.work_order, cause.order, text(cause.detail?.["by"])];
  return names.some((name) => name != null && clause.startsWith(name)) ? clause : clause.charAt(0).toUpperCase() + clause.slice(1);
}

/** A stop's reason within a sentence: not with a capital letter. */
function reasonText(t: PlanTranslator, reason: string): string {
  const words = wordOf(t, "reason", reason);
  return words.charAt(0).toLowerCase() + words.slice(1);
}

export function disruptionWords(telling: Telling, disruption: DisruptionView): string {
  return causeSentence(telling, { ...disruption, order: disruption.order_number });
}

/** All reasons of a plan as one clause or sentence; the same one is told once, many are counted. */
export function reasonsWords(telling: Telling, reasons: readonly Cause[], sentence = false): string {
  const clauses = [...new Set(reasons.map((reason, place) => (sentence && place === 0 ? causeSentence(telling, reason) : causeWords(telling, reason))))];
  const told = clauses.length > MOST_REASONS ? [...clauses.slice(0, MOST_REASONS - 1), telling.t("plan.more_reasons", { n: clauses.length - MOST_REASONS + 1 })] : clauses;
  return telling.t.language === "zh-CN" ? told.join("；") : new Intl.ListFormat("en", { type: "conjunction" }).format(told);
}

function shiftWords(t: PlanTranslator, minutes: number | null): string {
  if (minutes === null || minutes === 0) return t("shift.same");
  const duration = minutesWords(t, minutes);
  return minutes > 0 ? t("shift.later", { duration }) : t("shift.earlier", { duration });
}

/** "WO-12 · 20 Welding moves from weld-01 to weld-02, starts 25 min later". */
export function operationDifferenceWords(telling: Telling, difference: OperationDifference): string {
  const { t, machine } = telling;
  const what = operationWords(t, difference.work_order, difference.operation, difference.name);
  const [from, to] = [difference.from_machine ?? "–", difference.to_machine ?? "–"].map(machine) as [string, string];
  const shift = shiftWords(t, difference.minutes);
  switch (difference.kind) {
    case "reassigned":
      return t("difference.reassigned", { what, from, to, shift });
    case "earlier":
    case "later":
      return t("difference.moved", { what, machine: to, shift, from: momentWords(telling, difference.from_start), to: momentWords(telling, difference.to_start) });
    case "added":
      return t("difference.added", { what, machine: to, time: momentWords(telling, difference.to_start) });
    case "removed":
      return t("difference.removed", { what });
  }
}

/** How late an end is against what was promised, in minutes; null without one of them. */
export function lateMinutes(end: string | null, due: string | null): number | null {
  const [at, wanted] = [timeOf(end), timeOf(due)];
  return at === null || wanted === null ? null : Math.round((at - wanted) / MINUTE);
}

/** "Order SO-4: 14:10 → 14:35 (late 20 min)". */
export function orderDifferenceWords(telling: Telling, difference: OrderDifference): string {
  const { t } = telling;
  if (difference.to_end === null) return t("difference.order_gone", { order: difference.order });
  const to = momentWords(telling, difference.to_end);
  const words = difference.from_end === null ? t("difference.order_new", { order: difference.order, to }) : t("difference.order", { order: difference.order, from: momentWords(telling, difference.from_end), to });
  const lateness = latenessWords(t, lateMinutes(difference.to_end, difference.due));
  return lateness === null ? words : t("difference.order_late", { words, lateness });
}

/** One link of the chain that makes an order late. */
export function lateCauseWords(telling: Telling, cause: PlanLateCause): string {
  const { t } = telling;
  const what = operationWords(t, cause.work_order, cause.operation);
  const machine = cause.machine === null ? t("why.a_machine") : telling.machine(cause.machine);
  const behind = cause.behind == null ? null : operationWords(t, cause.behind.work_order, cause.behind.operation);
  const since = cause.since == null ? null : momentWords(telling, cause.since);
  switch (cause.cause) {
    case "machine_busy": {
      const duration = minutesWords(t, cause.wait_minutes ?? 0);
      return behind === null ? t("cause.machine_busy_alone", { what, duration, machine }) : t("cause.machine_busy", { what, duration, machine, behind });
    }
    case "predecessor":
      return t("cause.predecessor", { what, behind: behind ?? t("why.work") });
    case "unavailable":
      return since === null ? t("cause.unavailable_alone", { machine }) : t("cause.unavailable", { machine, time: since });
    case "release":
      return since === null ? t("cause.release_alone", { what }) : t("cause.release", { what, time: since });
    case "resource":
      return t("cause.resource", { what, duration: minutesWords(t, cause.wait_minutes ?? 0), resource: cause.resource ?? "" });
    case "material":
      return since === null ? t("cause.material_alone", { what }) : t("cause.material", { what, time: since });
    case "held":
      return t("cause.held", { what, duration: minutesWords(t, cause.wait_minutes ?? 0) });
    case "work":
      return t("cause.work", { what });
    default:
      return cause.cause.replaceAll("_", " ");
  }
}

/** How a plan was found: "Rerouted by rule: earliest due date first, the rest stays". */
export function methodWords(t: PlanTranslator, method: string): string {
  const [kind = "", rule = ""] = method.split(":");
  if (kind !== "dispatch") return wordOf(t, "method", kind);
  const kept = /_(keep|gentle)$/.exec(rule)?.[1] ?? "no";
  return t("method.dispatch", { rule: wordOf(t, "rule", rule.replace(/_(keep|gentle)$/, "")), kept });
}

export function solveWords(t: PlanTranslator, milliseconds: number): string {
  return milliseconds < 1_000 ? t("version.milliseconds", { n: milliseconds }) : t("version.seconds", { n: (milliseconds / 1_000).toFixed(1) });
}

/** What waiting would have come to, against what the plan comes to; null where nothing is known. */
export function waitingWords(t: PlanTranslator, plan: Pick<PlanSummary, "metrics" | "waiting">): string | null {
  if (plan.waiting === null) return null;
  const minutes = plan.waiting.tardiness - plan.metrics.tardiness;
  const jobs = plan.waiting.tardy_jobs - plan.metrics.tardy_jobs;
  const duration = minutesWords(t, minutes);
  const lateness = minutes > 0 ? t("plan.waiting_more", { duration }) : minutes < 0 ? t("plan.waiting_less", { duration }) : t("plan.waiting_same");
  return jobs > 0 ? `${lateness} · ${t("plan.waiting_orders", { n: jobs })}` : lateness;
}

/** The same as a sentence of its own; empty where nothing is known. */
export function waitingSentence(t: PlanTranslator, plan: Pick<PlanSummary, "metrics" | "waiting">): string {
  const what = waitingWords(t, plan);
  if (what === null) return "";
  return what === t("plan.waiting_same") ? t("version.waiting_same") : t("version.waiting", { what });
}

export type DisruptionState = "open" | "planned" | "no_change" | "failed";

export function stateOf(disruption: Pick<DisruptionView, "handled" | "outcome">): DisruptionState {
  if (disruption.handled === null) return "open";
  return disruption.outcome === "no_change" || disruption.outcome === "failed" ? disruption.outcome : "planned";
}

/** When a version was in force and who put it there; of a draft, when it was made. */
export function lifeWords(telling: Telling, plan: Pick<PlanSummary, "state" | "created_at" | "published_at" | "published_by" | "superseded_at">): string {
  const { t } = telling;
  const who = publisherWords(t, plan.published_by);
  switch (plan.state) {
    case "draft":
      return t("version.draft", { time: momentWords(telling, plan.created_at) });
    case "discarded":
      return t("version.discarded", { time: momentWords(telling, plan.created_at) });
    case "published":
      return t("version.in_force", { from: momentWords(telling, plan.published_at), who });
    case "superseded":
      return t("version.was_in_force", { from: momentWords(telling, plan.published_at), to: momentWords(telling, plan.superseded_at), who });
  }
}
