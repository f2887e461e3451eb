import { formatClock, formatDuration, timeOf } from "../../i18n/format.ts";
import { wordOf, type Language } from "../../i18n/translator.ts";
import type { PlanTranslator } from "../language.tsx";
import { latenessWords, operationWords } from "../words.ts";
import { isOver, type Bar, type MachineRow } from "./bars.ts";
import type { Arrangement } from "./rows.ts";
import type { ChartWords } from "./scene.ts";

const cache = new Map<string, Intl.DateTimeFormat>();

function date(at: number, zone: string, language: Language, options: Intl.DateTimeFormatOptions): string {
  const key = JSON.stringify([language, zone, options]);
  let format = cache.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(language, { ...options, timeZone: zone });
    cache.set(key, format);
  }
  return format.format(at);
}

/** A machine's state, how long it has lasted, and why: "Down 12 min · drive overload". */
export function stateWords(t: PlanTranslator, { view }: MachineRow, now: number): string {
  const state = wordOf(t, "state", view.state);
  const since = timeOf(view.state_since);
  if (view.state !== "down" || since === null) return state;
  const duration = formatDuration(t, Math.max(0, now - since));
  return view.reason === null ? t("chart.down", { state, duration }) : t("chart.down_why", { state, duration, reason: wordOf(t, "reason", view.reason) });
}

/** Why a machine does not work for a while; an exception brings its own words, and so does who is away. */
export function unavailableWords(t: PlanTranslator, why: string): string {
  if (why.startsWith("exception:")) return why.slice("exception:".length);
  if (!why.startsWith("absent:")) return wordOf(t, "why_closed", why);
  const [reason = "", name = ""] = why.slice("absent:".length).split("\n");
  return t("chart.away", { name, reason });
}

/** The words that the chart writes beside and on its bars. */
export function chartWords(t: PlanTranslator, zone: string, arrangement: Arrangement, machine: (path: string) => string): ChartWords {
  const { language } = t;
  const textOf = ({ view }: Bar, name: string): string => {
    if (arrangement !== "order") return [view.order_number ?? view.work_order, name, view.item].filter((part) => part !== null).join(" · ");
    const on = view.projected_machine ?? view.machine;
    return on === null ? name : `${name} · ${machine(on)}`;
  };
  const label = (bar: Bar): string => {
    const { view } = bar;
    if (bar.batch !== undefined) return t("chart.batch", { n: bar.batch.length, orders: [...new Set(bar.batch.map((each) => each.view.order_number ?? each.view.work_order))].join(", ") });
    const name = view.name ?? t("plan.unplanned_operation", { operation: view.operation });
    const text = textOf(bar, name);
    return view.on_hold && !isOver(bar) ? t("chart.on_hold", { label: text }) : text;
  };
  return {
    language,
    label,
    late: (minutes) => latenessWords(t, minutes) ?? "",
    frozen: t("chart.frozen"),
    clock: (at) => formatClock(at, zone, language),
    second: (at) => date(at, zone, language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
    day: (at) => date(at, zone, language, { weekday: "short", day: "numeric", month: "short" }),
    shortDay: (at) => date(at, zone, language, { weekday: "short", day: "numeric" }),
    month: (at) => date(at, zone, language, { month: "long", year: "numeric" }),
    state: (row) => stateWords(t, row, Date.now()),
    unavailable: (why) => unavailableWords(t, why),
    onHold: t("chart.on_hold_word"),
    load: (share) => t("chart.load", { percent: Math.round(100 * share) }),
  };
}

/** A bar in one sentence, for those who hear it: what, when, how late. */
export function barWords(t: PlanTranslator, { view }: Bar, times: string): string {
  return [operationWords(t, view.work_order, view.operation, view.name), view.item, view.customer, wordOf(t, "job", view.state), view.on_hold ? wordOf(t, "stage", "on_hold") : null, times, latenessWords(t, view.lateness_minutes)].filter((part) => part != null && part !== "").join(", ");
}
