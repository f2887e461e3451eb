import { useEffect, useRef, useState, type ReactElement } from "react";
import { formatClock, formatDuration } from "../i18n/format.ts";
import { useNow } from "../ui/clock.ts";
import { useReportWords } from "./language.tsx";
import type { Stop, StopReason } from "./stopsapi.ts";

interface ReasonsProps {
  reasons: readonly StopReason[];
  stop: Stop;
  zone: string;
  busy: boolean;
  choose: (reason: string | null, note: string | null) => void;
  close: () => void;
}

/** Why a machine stood: buttons large enough for a gloved finger, a digit for each on the keyboard. */
export function Reasons({ reasons, stop, zone, busy, choose, close }: ReasonsProps): ReactElement {
  const t = useReportWords();
  const now = useNow();
  const first = useRef<HTMLButtonElement>(null);
  const [note, setNote] = useState("");
  useEffect(() => { first.current?.focus(); }, []);
  const from = Date.parse(stop.from);
  const until = stop.until === null ? now : Date.parse(stop.until);
  const span = t("stops.span", { from: formatClock(from, zone, t.language), until: stop.until === null ? t("stops.now") : formatClock(until, zone, t.language), length: formatDuration(t, until - from) });
  const pick = (reason: string | null): void => { choose(reason, note.trim() === "" ? null : note.trim()); };
  return (
    // Digits choose, Escape closes: the buttons inside do the same for a pointer.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- keys of the buttons inside bubble up to it
    <section
      className="report-card reasons"
      aria-label={t("stops.why")}
      data-testid="reasons"
      onKeyDown={(event) => {
        const reason = /^[1-9]$/.test(event.key) && !(event.target instanceof HTMLInputElement) ? reasons[Number(event.key) - 1] : undefined;
        if (event.key === "Escape") close();
        else if (reason !== undefined && !busy) pick(reason.code);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      <header className="report-head">
        <h2>{t("stops.why_of", { span })}</h2>
        <div className="report-tools">
          <button type="button" className="button button-quiet" onClick={close}>
            {t("action.close")}
          </button>
        </div>
      </header>
      <div className="reason-buttons">
        {reasons.map((each, index) => (
          <button key={each.code} ref={index === 0 ? first : undefined} type="button" className="reason-button" aria-pressed={stop.reason === each.code} disabled={busy} onClick={() => { pick(each.code); }} data-testid={`reason-${each.code}`}>
            {index < 9 && <kbd>{index + 1}</kbd>}
            <span>{each.name}</span>
          </button>
        ))}
        {stop.by_hand !== null && (
          <button type="button" className="reason-button reason-back" disabled={busy} onClick={() => { pick(null); }} data-testid="reason-take-back">
            {t("stops.take_back")}
          </button>
        )}
      </div>
      {reasons.length === 0 && <p className="report-nothing">{t("stops.no_reasons")}</p>}
      <label className="field">
        <span>{t("stops.note")}</span>
        <input name="note" maxLength={500} value={note} onChange={(event) => { setNote(event.target.value); }} />
      </label>
    </section>
  );
}
