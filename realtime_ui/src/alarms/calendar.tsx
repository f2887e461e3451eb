import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { dayIn, formatDay, formatMoment } from "../i18n/format.ts";
import { instantOf } from "../orders/dates.ts";
import { useNow } from "../ui/clock.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { alarmApi, type Body, type Turn } from "./api.ts";
import { useAlarms } from "./language.tsx";
import type { Names } from "./sentences.ts";

const DAY_MS = 86_400_000;
const WEEKS = 4;
const COLOURS = 8;

/** The Monday of a moment's week in a zone, moved by some weeks, as a day. */
export function mondayOf(at: number, zone: string, weeks: number): string {
  const day = Date.parse(`${dayIn(at, zone)}T00:00:00Z`);
  const since = (new Date(day).getUTCDay() + 6) % 7;
  return new Date(day - since * DAY_MS + weeks * 7 * DAY_MS).toISOString().slice(0, 10);
}

const later = (day: string, days: number): string => new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

export interface Bar {
  member: string | null;
  /** Shares of the week, 0 to 1. */
  from: number;
  to: number;
}

/** The turns within a week as shares of it; a week in which the clocks change is as long as it is. */
export function barsOf(turns: readonly Turn[], start: number, end: number): readonly Bar[] {
  return turns.flatMap((turn) => {
    const from = Math.max(Date.parse(turn.start), start);
    const to = Math.min(Date.parse(turn.end), end);
    return to <= from ? [] : [{ member: turn.member, from: (from - start) / (end - start), to: (to - start) / (end - start) }];
  });
}

/** Who is on call when, for four weeks: also by a rota that is not saved yet. */
export function RotaCalendar({ rota, names }: { rota: Body; names: Names }): ReactElement {
  const t = useAlarms();
  const now = useNow();
  const [ahead, setAhead] = useState(0);
  const zone = typeof rota["time_zone"] === "string" && isZone(rota["time_zone"]) ? rota["time_zone"] : "UTC";
  const first = mondayOf(now, zone, ahead * WEEKS);
  const weeks = Array.from({ length: WEEKS }, (_, week) => later(first, week * 7));
  const at = (day: string): string => instantOf(`${day}T00:00`, zone);
  const asked = { start: at(first), end: at(later(first, WEEKS * 7)) };
  const turns = useQuery({ queryKey: ["alarm-turns", rota, asked], queryFn: () => alarmApi.turns(rota, asked.start, asked.end), placeholderData: keepPreviousData, staleTime: 60_000 });
  if (turns.isError) return <Failed what={t("alarms.no_calendar")} error={turns.error} retry={() => void turns.refetch()} />;
  if (turns.data === undefined) return <Skeleton width="100%" height="200px" />;
  const items = turns.data.items;
  const members = [...new Set(items.flatMap((turn) => (turn.member === null ? [] : [turn.member])))].sort();
  const current = items.find((turn) => Date.parse(turn.start) <= now && now < Date.parse(turn.end));
  const nameOf = (member: string | null): string => (member === null ? t("alarms.nobody_on_call") : (names.get(member) ?? member));
  return (
    <section className="rota" data-testid="rota-calendar">
      <div className="list-head">
        <p data-testid="on-call-now">
          {current !== undefined && (
            <>
              {t("alarms.on_call_now")} <strong>{nameOf(current.member)}</strong> <span className="faint">{t("alarms.until", { when: formatMoment(t, Date.parse(current.end), now, zone) })}</span>
            </>
          )}
        </p>
        <div className="actions">
          <button type="button" className="button button-small" onClick={() => { setAhead(ahead - 1); }}>
            {t("alarms.earlier")}
          </button>
          <button type="button" className="button button-small" disabled={ahead === 0} onClick={() => { setAhead(0); }}>
            {t("alarms.this_week")}
          </button>
          <button type="button" className="button button-small" onClick={() => { setAhead(ahead + 1); }}>
            {t("alarms.later")}
          </button>
        </div>
      </div>
      <div className="rota-weeks" aria-hidden="true">
        {weeks.map((week) => {
          const [start, end] = [Date.parse(at(week)), Date.parse(at(later(week, 7)))];
          return (
            <div key={week} className="rota-week">
              <div className="rota-days">
                {Array.from({ length: 7 }, (_, day) => (
                  <span key={day} className={later(week, day) === dayIn(now, zone) ? "rota-today" : undefined}>
                    {new Intl.DateTimeFormat(t.language, { weekday: "short", day: "numeric", month: day === 0 ? "short" : undefined, timeZone: "UTC" }).format(Date.parse(`${later(week, day)}T00:00:00Z`))}
                  </span>
                ))}
              </div>
              <div className="rota-bars">
                {barsOf(items, start, end).map((bar) => (
                  <span key={bar.from} className={bar.member === null ? "rota-bar rota-gap" : "rota-bar"} style={{ insetInlineStart: `${bar.from * 100}%`, width: `${(bar.to - bar.from) * 100}%`, ...(bar.member === null ? {} : { background: `var(--family-${(members.indexOf(bar.member) % COLOURS) + 1})` }) }} title={nameOf(bar.member)}>
                    {bar.to - bar.from > 0.08 ? nameOf(bar.member) : ""}
                  </span>
                ))}
                {now >= start && now < end && <span className="rota-now" style={{ insetInlineStart: `${((now - start) / (end - start)) * 100}%` }} />}
              </div>
            </div>
          );
        })}
      </div>
      <ul className="hidden-words">
        {items.map((turn) => (
          <li key={turn.start}>{t("alarms.turn", { name: nameOf(turn.member), from: formatMoment(t, Date.parse(turn.start), now, zone), until: formatMoment(t, Date.parse(turn.end), now, zone) })}</li>
        ))}
      </ul>
      <p className="faint">{t("alarms.on_clock", { zone, from: formatDay(Date.parse(asked.start), zone, t.language) })}</p>
    </section>
  );
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    // The server says what is wrong with it.
    return false;
  }
}
