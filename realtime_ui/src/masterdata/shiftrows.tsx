import type { ReactElement } from "react";
import { wordOf } from "../i18n/translator.ts";
import type { Fields } from "./kinds.ts";
import { useMaster } from "./language.tsx";

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** A shift of a pattern while it is edited: lists as people write them. */
export interface ShiftRow {
  shift: string;
  weekdays: readonly string[];
  weeks: string;
  start: string;
  end: string;
  breaks: string;
}

const listed = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const said = (value: unknown): string => (typeof value === "string" ? value : "");

export function shiftsOf(rows: readonly Fields[]): ShiftRow[] {
  return rows.map((row) => ({ shift: said(row["shift"]), weekdays: listed(row["weekdays"]), weeks: listed(row["weeks"]).join("; "), start: said(row["start"]), end: said(row["end"]), breaks: listed(row["breaks"]).join("; ") }));
}

const parts = (text: string): string[] => text.split(/[;,]/).map((each) => each.trim()).filter((each) => each !== "");

/** The same as the API takes it. */
export function toldShifts(rows: readonly ShiftRow[]): Fields[] {
  return rows.map((row) => ({ ...row, weeks: parts(row.weeks), breaks: parts(row.breaks) }));
}

/** The shifts of a pattern, each a row that can be changed. */
export function ShiftRows({ rows, weeks, change }: { rows: readonly ShiftRow[]; weeks: number; change: (rows: ShiftRow[]) => void }): ReactElement {
  const t = useMaster();
  const put = (place: number, part: Partial<ShiftRow>): void => { change(rows.map((row, at) => (at === place ? { ...row, ...part } : row))); };
  return (
    <fieldset className="md-shifts">
      <legend>{t("field.shifts")}</legend>
      {rows.map((row, place) => (
        <div key={place} className="md-shift" role="group" aria-label={row.shift}>
          <label className="field">
            <span>{t("field.shift")}</span>
            <input name={`shift-${place}`} required value={row.shift} onChange={(event) => { put(place, { shift: event.target.value }); }} />
          </label>
          <label className="field">
            <span>{t("field.start")}</span>
            <input name={`start-${place}`} required pattern="[0-2][0-9]:[0-5][0-9]" placeholder="06:00" value={row.start} onChange={(event) => { put(place, { start: event.target.value }); }} />
          </label>
          <label className="field">
            <span>{t("field.end")}</span>
            <input name={`end-${place}`} required pattern="[0-2][0-9]:[0-5][0-9]" placeholder="14:00" value={row.end} onChange={(event) => { put(place, { end: event.target.value }); }} />
          </label>
          <label className="field md-breaks">
            <span>{t("field.breaks")}</span>
            <input name={`breaks-${place}`} placeholder="09:00-09:15; 12:00-12:30" value={row.breaks} onChange={(event) => { put(place, { breaks: event.target.value }); }} />
          </label>
          {weeks > 1 && (
            <label className="field">
              <span>{t("field.weeks")}</span>
              <input name={`weeks-${place}`} placeholder="1; 3" value={row.weeks} onChange={(event) => { put(place, { weeks: event.target.value }); }} />
            </label>
          )}
          <div className="md-weekdays" role="group" aria-label={t("field.weekdays")}>
            {WEEKDAYS.map((day) => {
              const on = row.weekdays.includes(day);
              return (
                <button key={day} type="button" className="chip" aria-pressed={on} onClick={() => { put(place, { weekdays: on ? row.weekdays.filter((each) => each !== day) : [...row.weekdays, day] }); }}>
                  {wordOf(t, "weekday", day)}
                </button>
              );
            })}
            <button type="button" className="button button-quiet" onClick={() => { change(rows.filter((_, at) => at !== place)); }}>
              {t("master.remove_shift")}
            </button>
          </div>
        </div>
      ))}
      <div>
        <button type="button" className="button" onClick={() => { change([...rows, { shift: "", weekdays: WEEKDAYS.slice(0, 5), weeks: "", start: "", end: "", breaks: "" }]); }} data-testid="add-shift">
          {t("master.add_shift")}
        </button>
      </div>
    </fieldset>
  );
}
