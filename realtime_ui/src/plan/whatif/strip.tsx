import { Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import type { Comparison, DraftSummary, OrderShift } from "../../api/types.ts";
import { Confirm } from "../../ui/dialog.tsx";
import { Glyph } from "../../ui/glyph.tsx";
import { reasonOf, Skeleton } from "../../ui/states.tsx";
import type { Telling } from "../words.ts";
import type { Drafting } from "./drafting.ts";
import { EntryList, useEntries } from "./entries.tsx";
import { changesWords, effectWords, entriesWords, orderShiftWords } from "./words.ts";

const NAMED = 8;

interface StripProps {
  drafting: Drafting;
  draft: DraftSummary;
  scope: string;
  mayPlan: boolean;
  telling: Telling;
  /** Think of more on top of it. */
  change: () => void;
}

/** The draft that is looked at: what it does to others, and the ways on. */
export function DraftStrip({ drafting, draft, scope, mayPlan, telling, change }: StripProps): ReactElement {
  const { t } = telling;
  const { compared, busy, refused } = drafting;
  const [asking, setAsking] = useState(false);
  const { stale, changes } = draft.what_if;
  const assumed = changes.filter((change) => change.assumed && change.entered !== true);
  const entries = useEntries(draft.id);
  const enters = entriesWords(telling, entries.filter((entry) => entry.state === "to_enter"));
  const publishText = [t("whatif.publish_text", { effect: compared === null ? "" : effectWords(telling, compared) }), ...(enters.length === 0 ? [] : [t("entry.enters"), enters.join("; ")])].join(" ");
  return (
    <section className="whatif" aria-labelledby="whatif-title" aria-busy={busy} data-testid="whatif" data-draft={draft.id}>
      <header className="whatif-head">
        <div>
          <h2 id="whatif-title">{t("whatif.title", { name: draft.what_if.name })}</h2>
          <p role="status" aria-live="polite" data-testid="whatif-effect">
            {compared === null ? <Skeleton width="320px" height="20px" /> : effectWords(telling, compared)}
          </p>
        </div>
        <div className="draft-actions">
          <button type="button" className="button button-quiet" onClick={() => { drafting.look(undefined); }} title={t("whatif.close_hint")}>
            {t("whatif.close")}
          </button>
          <Link to="/plan/compare" search={{ scope, ids: [draft.base_id, draft.id].filter((id) => id !== null).join(",") }} className="button">
            {t("whatif.compare")}
          </Link>
          {mayPlan && (
            <>
              <button type="button" className="button" disabled={busy} onClick={change} data-testid="whatif-more">
                {t("whatif.more")}
              </button>
              {drafting.undoable && (
                <button type="button" className="button" disabled={busy} onClick={drafting.undo} data-testid="whatif-undo">
                  {t("whatif.undo")}
                </button>
              )}
              <button type="button" className="button" disabled={busy} onClick={() => { drafting.discard(draft.id); }} data-testid="whatif-discard">
                {t("draft.discard")}
              </button>
              {stale ? (
                <button type="button" className="button button-primary" disabled={busy} onClick={() => { drafting.rebase(draft.id); }} data-testid="whatif-rebase">
                  {t("whatif.rebase")}
                </button>
              ) : (
                <button type="button" className="button button-primary" disabled={busy || assumed.length > 0} onClick={() => { setAsking(true); }} data-testid="whatif-publish">
                  {t("whatif.publish")}
                </button>
              )}
            </>
          )}
        </div>
      </header>
      <ul className="whatif-changes" aria-label={t("whatif.changes")}>
        {changesWords(telling, changes).map((words, place) => (
          <li key={place}>{words}</li>
        ))}
      </ul>
      {stale && <p className="whatif-note">{t("whatif.stale", { base: draft.base_number ?? 0 })}</p>}
      {assumed.length > 0 && <p className="whatif-note">{t("whatif.assumes", { what: changesWords(telling, assumed).join("; ") })}</p>}
      {refused !== null && (
        <p className="whatif-note" role="alert" data-testid="whatif-refused">
          {refused.code === "stale-base" ? t("whatif.stale", { base: draft.base_number ?? 0 }) : reasonOf(t, refused)}{" "}
          {mayPlan && (
            <button type="button" className="button" disabled={busy} onClick={() => { drafting.rebase(draft.id); }}>
              {t("whatif.rebase")}
            </button>
          )}
        </p>
      )}
      <EntryList entries={entries} telling={telling} />
      {compared !== null && <Effects compared={compared} telling={telling} />}
      {asking && (
        <Confirm title={t("draft.publish_title", { number: draft.number })} text={publishText} action={t("whatif.publish")} close={() => { setAsking(false); }} confirm={() => { drafting.publish(draft); }} />
      )}
    </section>
  );
}

/** Who is later and who earlier, the most first. */
export function Effects({ compared, telling }: { compared: Comparison; telling: Telling }): ReactElement {
  const { t } = telling;
  return (
    <div className="whatif-effects">
      <Shifts title={t("whatif.later")} none={t("whatif.nobody_later")} shifts={compared.later} telling={telling} testId="whatif-later" />
      <Shifts title={t("whatif.earlier")} none={t("whatif.nobody_earlier")} shifts={compared.earlier} telling={telling} testId="whatif-earlier" />
    </div>
  );
}

function Shifts({ title, none, shifts, telling, testId }: { title: string; none: string; shifts: readonly OrderShift[]; telling: Telling; testId: string }): ReactElement {
  const { t } = telling;
  const [all, setAll] = useState(false);
  const shown = all ? shifts : shifts.slice(0, NAMED);
  return (
    <div data-testid={testId}>
      <h3>{title}</h3>
      {shifts.length === 0 ? (
        <p className="faint">{none}</p>
      ) : (
        <ul>
          {shown.map((shift) => (
            <li key={shift.order}>
              {shift.is_late && !shift.was_late && <Glyph name="late" />}
              <Link to="/orders/$number" params={{ number: shift.order }}>
                {shift.order}
              </Link>{" "}
              {orderShiftWords(telling, shift)}
              {shift.is_late && !shift.was_late && <strong> · {t("whatif.newly")}</strong>}
            </li>
          ))}
        </ul>
      )}
      {shown.length < shifts.length && (
        <button type="button" className="button button-quiet" onClick={() => { setAll(true); }}>
          {t("version.show_all", { n: shifts.length })}
        </button>
      )}
    </div>
  );
}
