import type { CSSProperties, ReactElement } from "react";
import { Problem } from "../api/problem.ts";
import { Table } from "../desk/table.tsx";
import { dayIn, formatDuration, formatMoment, formatNumber } from "../i18n/format.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { reasonOf } from "../ui/states.tsx";
import type { Trialled } from "./api.ts";
import { useAlarms, type AlarmTranslator } from "./language.tsx";

export const TRIED_DAYS = 7;
const DAY_MS = 86_400_000;
const NAMED = 50;
/** The standard's target (`domain.alarms.rates`). */
const MOST_PER_HOUR = 6;
/** A rule that holds for so large a part of what there is says nothing. */
const NEARLY_ALL = 0.8;
const FEW = 3;

export interface Tried {
  result: Trialled | null;
  error: unknown;
  start: number;
  end: number;
}

/** Why a rule should not go into force as it is, by what it would have raised. */
export function warningsOf(tried: Trialled, machines: number): readonly ("matches_all" | "too_many" | "floods" | "chatters")[] {
  const subjects = new Set(tried.episodes.map((each) => each.subject)).size;
  return [
    ...(machines >= FEW && subjects >= machines * NEARLY_ALL ? (["matches_all"] as const) : []),
    ...(tried.per_hour > MOST_PER_HOUR ? (["too_many"] as const) : []),
    ...(tried.floods > 0 ? (["floods"] as const) : []),
    ...(tried.chattering.length > 0 ? (["chatters"] as const) : []),
  ];
}

/** What the past was read from: the server says it in English. */
function basisWords(t: AlarmTranslator, basis: string): string {
  const key = `alarm_basis.${basis.toLowerCase().replace(/[^a-z]+/g, "_")}`;
  return t.has(key) ? (t as unknown as (key: string) => string)(key) : basis;
}

function warningWords(t: AlarmTranslator, warning: ReturnType<typeof warningsOf>[number], tried: Trialled, machines: number): string {
  switch (warning) {
    case "matches_all":
      return t("alarm_warning.matches_all", { subjects: new Set(tried.episodes.map((each) => each.subject)).size, machines });
    case "too_many":
      return t("alarm_warning.too_many");
    case "floods":
      return t("alarm_warning.floods", { n: tried.floods });
    case "chatters":
      return t("alarm_warning.chatters", { n: tried.chattering.length });
  }
}

/** How many were raised on each day, from the first to the last. */
export function perDay(tried: Trialled, start: number, end: number, zone: string): readonly { day: string; count: number }[] {
  const days = new Map<string, number>();
  for (let at = start; at < end; at += DAY_MS) days.set(dayIn(at, zone), 0);
  days.set(dayIn(end - 1, zone), 0);
  for (const each of tried.episodes) {
    const day = dayIn(Date.parse(each.raised), zone);
    days.set(day, (days.get(day) ?? 0) + 1);
  }
  return [...days].sort(([left], [right]) => (left < right ? -1 : 1)).map(([day, count]) => ({ day, count }));
}

/** What a rule would have raised last week: before it goes into force. */
export function Trial({ tried, machines, zone }: { tried: Tried; machines: number; zone: string }): ReactElement {
  const t = useAlarms();
  const { result, error } = tried;
  if (result === null) {
    const kept = error instanceof Problem && error.code === "past-not-kept";
    return (
      <section className="alarm-trial" data-testid="trial">
        <h3>{t("alarms.trial")}</h3>
        <p role="status">{kept ? t("alarms.not_kept") : reasonOf(t, error)}</p>
      </section>
    );
  }
  return <Shown result={result} tried={tried} machines={machines} zone={zone} />;
}

function Shown({ result, tried, machines, zone }: { result: Trialled; tried: Tried; machines: number; zone: string }): ReactElement {
  const t = useAlarms();
  const now = useNow();
  const warnings = warningsOf(result, machines);
  const days = perDay(result, tried.start, tried.end, zone);
  const most = Math.max(1, ...days.map((each) => each.count));
  return (
    <section className="alarm-trial" data-testid="trial">
      <h3>{t("alarms.trial")}</h3>
      <p role="status" data-testid="trial-total">{t("alarms.tried", { n: result.total, rate: formatNumber(result.per_hour, t.language) })}</p>
      {warnings.length > 0 && (
        <ul className="alarm-warning" data-testid="trial-warnings">
          {warnings.map((each) => (
            <li key={each}>
              <Glyph name="alarm_high" /> {warningWords(t, each, result, machines)}
            </li>
          ))}
        </ul>
      )}
      {result.total > 0 && (
        <>
          <ol className="trial-days" aria-label={t("alarms.per_day")}>
            {days.map((each) => (
              <li key={each.day} style={{ "--value": each.count / most } as CSSProperties}>
                <strong>{formatNumber(each.count, t.language)}</strong>
                <span className="trial-bar" aria-hidden="true" />
                <span>{new Intl.DateTimeFormat(t.language, { weekday: "short", day: "numeric", timeZone: "UTC" }).format(Date.parse(`${each.day}T00:00:00Z`))}</span>
              </li>
            ))}
          </ol>
          <Table
            label={t("alarms.trial")}
            testid="trial-episodes"
            columns={[
              { key: "subject", label: t("alarm_column.subject"), title: true },
              { key: "raised", label: t("alarm_column.raised") },
              { key: "lasted", label: t("alarms.lasted") },
              { key: "value", label: t("alarms.value"), number: true },
            ]}
            rows={result.episodes.slice(0, NAMED).map((each, place) => ({
              key: String(place),
              cells: [
                each.subject,
                formatMoment(t, Date.parse(each.raised), now, zone),
                each.cleared === null ? t("alarms.still") : formatDuration(t, Date.parse(each.cleared) - Date.parse(each.raised)),
                each.value === null ? null : `${formatNumber(each.value, t.language)}${each.limit === null ? "" : ` (${formatNumber(each.limit, t.language)})`}`,
              ],
            }))}
          />
          {result.total > NAMED && <p className="faint">{t("alarms.first_of", { n: NAMED, total: result.total })}</p>}
        </>
      )}
      <p className="faint">{t("alarms.basis", { basis: basisWords(t, result.basis) })}</p>
    </section>
  );
}
