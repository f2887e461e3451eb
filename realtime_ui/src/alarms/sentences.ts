import { formatDuration, formatNumber } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import type { Body } from "./api.ts";
import type { AlarmTranslator } from "./language.tsx";

const MINUTE_MS = 60_000;
const ON_CALL = "on-call:";

/** What people are called, by their codes, and rotas, by `on-call:<code>`. */
export type Names = ReadonlyMap<string, string>;

const list = (t: AlarmTranslator, words: readonly string[]): string => new Intl.ListFormat(t.language, { type: "conjunction" }).format(words);

/** Whom a step tells: recipients, and whoever a rota has on call. */
export function targetsOf(t: AlarmTranslator, tell: unknown, names: Names): string {
  const targets = Array.isArray(tell) ? tell.map(String) : [];
  return list(t, targets.map((target) => (target.startsWith(ON_CALL) ? t("alarms.on_call_of", { rota: names.get(target) ?? target.slice(ON_CALL.length) }) : (names.get(target) ?? target))));
}

/** An escalation as one reads it: who is told when, until what. */
export function escalationLine(t: AlarmTranslator, body: Body, names: Names): string {
  const steps = Array.isArray(body["steps"]) ? (body["steps"] as Body[]) : [];
  const told = steps.map((step) => {
    const minutes = Number(step["after_minutes"] ?? 0);
    const whom = targetsOf(t, step["tell"], names);
    if (minutes === 0 && step["counted"] !== "shift") return t("alarms.step_now", { whom });
    return t("alarms.step_after", { time: formatDuration(t, minutes * MINUTE_MS), whom, clock: step["counted"] === "shift" ? "shift" : "clock" });
  });
  const until = t("alarms.steps_until", { until: body["until"] === "cleared" ? "cleared" : "acknowledged", cleared: body["tell_cleared"] === false ? "no" : "yes" });
  return `${told.join(t("alarms.step_then"))}${t("alarms.sentence_end")}${until}`;
}

/** A condition with its limits, in a line. */
export function conditionLine(t: AlarmTranslator, condition: unknown): string {
  if (typeof condition !== "object" || condition === null) return "";
  const body = condition as Body;
  const limits = Object.entries(body)
    .filter(([name, value]) => name !== "kind" && value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${wordOf(t, "alarm_field", name)} ${typeof value === "number" ? formatNumber(value, t.language) : Array.isArray(value) ? value.map(String).join(", ") : String(value)}`);
  const kind = wordOf(t, "alarm_kind", String(body["kind"]));
  return limits.length === 0 ? kind : `${kind} · ${limits.join(" · ")}`;
}
