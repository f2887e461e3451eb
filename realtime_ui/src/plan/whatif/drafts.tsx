import { Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { Dialog } from "../../ui/dialog.tsx";
import { momentWords, publisherWords, type Telling } from "../words.ts";
import type { Drafting } from "./drafting.ts";
import { changesWords } from "./words.ts";

/** So many plans are compared at once, the one in force among them. */
const MOST_COMPARED = 8;

interface DraftsProps {
  drafting: Drafting;
  scope: string;
  /** The plan in force, and the draft that the planner made by itself, if one waits. */
  plan: number | null;
  planners: { id: number; number: number } | null;
  mayPlan: boolean;
  telling: Telling;
  close: () => void;
}

/** All drafts beside the plan: look at one, compare several, put one aside. */
export function DraftsDialog({ drafting, scope, plan, planners, mayPlan, telling, close }: DraftsProps): ReactElement {
  const { t } = telling;
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const toggle = (id: number): void => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const compared = [...(plan === null ? [] : [plan]), ...chosen];
  const choice = (id: number, words: string): ReactElement => (
    <label className="check">
      <input type="checkbox" checked={chosen.has(id)} disabled={!chosen.has(id) && compared.length >= MOST_COMPARED} onChange={() => { toggle(id); }} />
      <span>{words}</span>
    </label>
  );
  return (
    <Dialog title={t("drafts.title")} text={t("drafts.text")} close={close}>
      {drafting.drafts.length === 0 && planners === null && <p>{t("drafts.none")}</p>}
      <ul className="drafts" data-testid="drafts">
        {planners !== null && <li>{choice(planners.id, t("drafts.planner", { number: planners.number }))}</li>}
        {drafting.drafts.map((draft) => (
          <li key={draft.id} data-testid={`draft-${draft.id}`}>
            <div>
              {choice(draft.id, draft.what_if.name)}
              <p className="faint">
                {t("drafts.by", { who: publisherWords(t, draft.what_if.created_by), time: momentWords(telling, draft.created_at), late: draft.late_orders })}
                {draft.what_if.stale && <> · {t("drafts.stale")}</>}
              </p>
              <p className="faint">{changesWords(telling, draft.what_if.changes).join("; ")}</p>
            </div>
            <div className="draft-actions">
              <button
                type="button"
                className="button"
                onClick={() => {
                  drafting.look(draft.id);
                  close();
                }}
              >
                {t("drafts.look")}
              </button>
              {mayPlan && (
                <button type="button" className="button" disabled={drafting.busy} onClick={() => { drafting.discard(draft.id); }}>
                  {t("draft.discard")}
                </button>
              )}
            </div>
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={close}>
          {t("action.close")}
        </button>
        {compared.length > 1 && (
          <Link to="/plan/compare" search={{ scope, ids: compared.join(",") }} className="button button-primary" data-testid="compare">
            {t("drafts.compare", { n: compared.length })}
          </Link>
        )}
      </div>
    </Dialog>
  );
}
