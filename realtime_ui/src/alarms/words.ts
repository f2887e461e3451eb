import { formatDuration, formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import type { Alarm, AlarmMessage } from "./api.ts";
import type { AlarmTranslator } from "./language.tsx";

export { alarmName } from "./badge.tsx";

const MINUTE_MS = 60_000;

/** What somebody is to do: the responses that came with the installation in the reader's language. */
export function responseOf(t: AlarmTranslator, alarm: Pick<Alarm, "rule" | "response">): string {
  return t.language !== "en" && STARTER_RESPONSES.get(alarm.rule) === alarm.response ? wordOf(t, "alarm_response", alarm.rule) : alarm.response;
}

/** As the installation spells them at the beginning (`domain.alarms.starter`). */
const STARTER_RESPONSES: ReadonlyMap<string, string> = new Map([
  ["line-down", "Go to the line; find out what stopped all of its machines."],
  ["machine-down", "Go to the machine; repair it, or tell maintenance and the planner how long it takes."],
  ["no-parts", "Bring parts to the machine, or find out where they are."],
  ["machine-silent", "Look whether the machine is switched on, then at its network and gateway."],
  ["pace-low", "Ask the operator what slows the machine down; give the reason at the terminal."],
  ["scrap-high", "Stop, look at the last pieces, call quality."],
  ["order-at-risk", "Look why on the order's page; ask the planner what would help."],
  ["order-late", "Tell the customer the new date and its reason."],
  ["shortage", "Order it, have it made, or move the work that needs it."],
  ["plan-infeasible", "Look at the facts that contradict each other, and change one of them."],
  ["dead-letters", "Look at the refused messages; mend the sender, then send them round again."],
  ["gateway-offline", "Look at the gateway's machine, power and network; it keeps what it receives meanwhile."],
]);

function textIn(detail: Alarm["detail"], name: string): string {
  const value = detail[name];
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

/** Why it was raised, with the values that were compared; empty: there is nothing to add. */
export function whyOf(t: AlarmTranslator, alarm: Pick<Alarm, "kind" | "detail" | "value" | "limit">, now: number, zone: string): string {
  const number = (value: number | null): string => (value === null ? "–" : formatNumber(Math.round(value * 100) / 100, t.language));
  const moment = (name: string): string => {
    const at = Number(alarm.detail[name]);
    return Number.isFinite(at) && alarm.detail[name] != null ? formatMoment(t, at, now, zone) : "";
  };
  const minutes = alarm.value === null ? "" : formatDuration(t, alarm.value * MINUTE_MS);
  const values = { value: number(alarm.value), limit: number(alarm.limit) };
  switch (alarm.kind) {
    case "machine_down": {
      const state = wordOf(t, "state", textIn(alarm.detail, "state"));
      const reason = textIn(alarm.detail, "reason");
      return reason === "" ? state : t("alarm_why.machine_down", { state, reason: wordOf(t, "reason", reason) });
    }
    case "machine_silent":
      return alarm.value === null ? "" : t("alarm_why.machine_silent", { minutes });
    case "order_at_risk":
    case "order_late":
      return alarm.value === null ? "" : t(`alarm_why.${alarm.kind}`, { minutes, due: moment("due_ms"), customer: textIn(alarm.detail, "customer") });
    case "gateway_offline":
      return alarm.value === null ? "" : t("alarm_why.gateway_offline", { time: formatDuration(t, alarm.value * 1_000) });
    case "line_down":
    case "pace_below":
    case "scrap_rate":
    case "dead_letters":
      return alarm.value === null ? "" : t(`alarm_why.${alarm.kind}`, values);
    case "reading_outside": {
      const metric = textIn(alarm.detail, "metric");
      const unit = textIn(alarm.detail, "unit");
      return alarm.value === null ? t("alarm_why.reading_stale", { metric }) : t("alarm_why.reading_outside", { metric, unit, ...values, above: alarm.limit !== null && alarm.value > alarm.limit ? "yes" : "no" });
    }
    case "shortage": {
      const quantity = `${number(alarm.value)} ${formatUnit(t, textIn(alarm.detail, "unit"), alarm.value ?? 0)}`;
      return t("alarm_why.shortage", { name: textIn(alarm.detail, "name"), quantity, need: moment("need_ms"), comes: moment("comes_ms") === "" ? "none" : "some", when: moment("comes_ms"), n: Number(alarm.detail["count"] ?? 0) });
    }
    case "plan_infeasible": {
      const codes = Array.isArray(alarm.detail["codes"]) ? alarm.detail["codes"].filter((each): each is string => typeof each === "string") : [];
      return codes.map((code) => wordOf(t, "infeasible", code)).join(", ");
    }
    default:
      return "";
  }
}

/** What became of a message, and when. */
export function messageWords(t: AlarmTranslator, message: AlarmMessage, now: number, zone: string): string {
  const moment = (text: string | null): string => {
    const at = timeOf(text);
    return at === null ? "–" : formatMoment(t, at, now, zone);
  };
  switch (message.state) {
    case "sent":
      return t("alarm_message.sent", { when: moment(message.sent_at) });
    case "held":
      return t("alarm_message.held", { when: moment(message.next_at) });
    case "gathered":
      return t("alarm_message.gathered", { when: moment(message.next_at), because: message.because === "flood" ? "flood" : "limit" });
    case "told":
      return t("alarm_message.told");
    case "waiting":
      return message.attempts === 0 ? t("alarm_message.waiting") : t("alarm_message.retry", { n: message.attempts, when: moment(message.next_at) });
    case "given_up":
      return t("alarm_message.given_up", { n: message.attempts });
    case "withdrawn":
      return t("alarm_message.withdrawn");
    default:
      return message.state;
  }
}

/** Why somebody was told: a step of the escalation, the end of it. */
export function whyTold(t: AlarmTranslator, why: string): string {
  const step = /^step (\d+)/.exec(why)?.[1];
  return step === undefined ? wordOf(t, "alarm_told", why) : t("alarm_told.step", { n: Number(step) + 1 });
}
