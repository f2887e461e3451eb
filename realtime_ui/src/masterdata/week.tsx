import type { ReactElement } from "react";
import { wordOf } from "../i18n/translator.ts";
import { useMaster } from "./language.tsx";
import { WEEKDAYS, type ShiftRow } from "./shiftrows.tsx";

const DAY = 1_440;
const WEEK = 7;

interface Span {
  /** Of the rotation, from 0. */
  day: number;
  from: number;
  to: number;
  shift: string;
  pause: boolean;
}

function minutes(clock: string): number {
  const [hours = "0", rest = "0"] = clock.split(":");
  return Number(hours) * 60 + Number(rest);
}

/** Cut at midnight: each piece is within its day. */
function pieces(day: number, from: number, to: number, shift: string, pause: boolean, days: number): Span[] {
  const found: Span[] = [];
  for (let at = from; at < to; at = (Math.floor(at / DAY) + 1) * DAY) {
    const later = Math.floor(at / DAY);
    found.push({ day: (day + later) % days, from: at - later * DAY, to: Math.min(to, (later + 1) * DAY) - later * DAY, shift, pause });
  }
  return found;
}

export function spansOf(shifts: readonly ShiftRow[], weeks: number): Span[] {
  const days = weeks * WEEK;
  return shifts.flatMap((row) => {
    const start = minutes(row.start);
    const end = minutes(row.end) > start ? minutes(row.end) : minutes(row.end) + DAY;
    const chosen = row.weeks.split(/[;,]/).map(Number).filter((week) => week >= 1 && week <= weeks);
    const breaks = row.breaks.split(";").flatMap((text) => {
      const [from, to] = text.trim().split("-");
      if (from === undefined || to === undefined) return [];
      const begin = minutes(from) < start ? minutes(from) + DAY : minutes(from);
      const over = minutes(to) + (minutes(to) + Math.floor(begin / DAY) * DAY > begin ? Math.floor(begin / DAY) : Math.floor(begin / DAY) + 1) * DAY;
      return [{ begin, over }];
    });
    return (chosen.length === 0 ? Array.from({ length: weeks }, (_, week) => week + 1) : chosen).flatMap((week) =>
      row.weekdays.flatMap((weekday) => {
        const day = (week - 1) * WEEK + WEEKDAYS.indexOf(weekday as (typeof WEEKDAYS)[number]);
        return [...pieces(day, start, end, row.shift, false, days), ...breaks.flatMap(({ begin, over }) => pieces(day, begin, over, row.shift, true, days))];
      }),
    );
  });
}

/** The weeks of a rotation as bars: one row per day, breaks as gaps. The table beside it says the same. */
export function Week({ shifts, weeks }: { shifts: readonly ShiftRow[]; weeks: number }): ReactElement {
  const t = useMaster();
  const shown = Math.max(1, Math.min(weeks, 4));
  const spans = spansOf(shifts, weeks);
  const names = [...new Set(shifts.map((row) => row.shift))];
  const share = (minute: number): string => `${(minute / DAY) * 100}%`;
  return (
    <div className="md-week" aria-hidden="true">
      {Array.from({ length: shown * WEEK }, (_, day) => (
        <div key={day} className={day > 0 && day % WEEK === 0 ? "md-day md-day-first" : "md-day"}>
          <span className="md-day-name">
            {weeks > 1 && day % WEEK === 0 && <b>{t("master.week", { n: day / WEEK + 1 })} </b>}
            {wordOf(t, "weekday", WEEKDAYS[day % WEEK] ?? "mon")}
          </span>
          <span className="md-bar">
            {spans
              .filter((span) => span.day === day)
              .map((span, place) => (
                <span key={place} className={span.pause ? "md-span md-pause" : `md-span md-span-${names.indexOf(span.shift) % 3}`} style={{ insetInlineStart: share(span.from), width: share(span.to - span.from) }}>
                  {!span.pause && span.to - span.from >= 180 ? span.shift : ""}
                </span>
              ))}
          </span>
        </div>
      ))}
      <div className="md-day md-hours">
        <span className="md-day-name" />
        <span className="md-bar">
          {[0, 6, 12, 18, 24].map((hour) => (
            <span key={hour} style={{ insetInlineStart: share(hour * 60) }}>
              {hour}
            </span>
          ))}
        </span>
      </div>
    </div>
  );
}
