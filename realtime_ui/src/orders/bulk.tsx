import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { fieldProblemsOf, paramsOf } from "../api/problem.ts";
import type { Bulk, BulkAction, Outcomes } from "../api/types.ts";
import { tell } from "../app/toasts.tsx";
import { useDesk } from "../desk/language.tsx";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { Glyph } from "../ui/glyph.tsx";
import { problemWords } from "../ui/problems.ts";
import { reasonOf } from "../ui/states.tsx";

type What = BulkAction["do"] & ("confirm" | "release" | "hold" | "resume" | "cancel" | "priority");

const ACTIONS: readonly What[] = ["confirm", "release", "hold", "resume", "priority", "cancel"];
/** So many orders are handled at once; the server refuses more. */
export const MOST_AT_ONCE = 1_000;

/** What may be done to the chosen orders. */
export function BulkBar({ count, chosen, clear }: { count: number; chosen: Pick<Bulk, "numbers" | "filter">; clear: () => void }): ReactElement {
  const t = useDesk();
  const [what, setWhat] = useState<What | null>(null);
  const tooMany = count > MOST_AT_ONCE;
  return (
    <div className="bulk" role="toolbar" aria-label={t("bulk.label")} data-testid="bulk">
      <strong aria-live="polite">{t("bulk.chosen", { n: count })}</strong>
      {tooMany && <span>{t("bulk.too_many", { most: MOST_AT_ONCE })}</span>}
      <span className="bulk-actions">
        {ACTIONS.map((each) => (
          <button key={each} type="button" className="button" disabled={tooMany} onClick={() => { setWhat(each); }} data-testid={`bulk-${each}`}>
            {wordOf(t, "bulk_do", each)}
          </button>
        ))}
        <button type="button" className="button button-quiet" onClick={clear}>
          {t("bulk.clear")}
        </button>
      </span>
      {what !== null && <BulkDialog what={what} count={count} chosen={chosen} close={(done) => { setWhat(null); if (done) clear(); }} />}
    </div>
  );
}

function actionOf(what: What, reason: string, priority: string): BulkAction {
  const why = reason.trim();
  const optional = why === "" ? {} : { reason: why };
  switch (what) {
    case "confirm":
      return { do: "confirm", ...(why === "" ? {} : { overrule: why }) };
    case "release":
      return { do: "release" };
    case "hold":
      return { do: "hold", reason: why };
    case "cancel":
      return { do: "cancel", reason: why };
    case "resume":
      return { do: "resume", ...optional };
    case "priority":
      return { do: "priority", priority: Number(priority), ...optional };
  }
}

function BulkDialog({ what, count, chosen, close }: { what: What; count: number; chosen: Pick<Bulk, "numbers" | "filter">; close: (done: boolean) => void }): ReactElement {
  const t = useDesk();
  const queries = useQueryClient();
  const mayOverrule = usePermission("review");
  const [reason, setReason] = useState("");
  const [priority, setPriority] = useState("5");
  const act = useMutation({
    mutationFn: () => api.actOnOrders({ ...chosen, action: actionOf(what, reason, priority) }),
    onSettled: () => Promise.all([queries.invalidateQueries({ queryKey: ["orders"] }), queries.invalidateQueries({ queryKey: ["order-count"] }), queries.invalidateQueries({ queryKey: ["review"] })]),
  });
  const needsReason = what === "hold" || what === "cancel";
  const asksReason = what !== "release" && (what !== "confirm" || mayOverrule);
  if (act.data !== undefined) {
    // What is held can go on: nothing else that is done to many has a way back.
    const held = what === "hold" ? act.data.items.filter((each) => each.done).map((each) => each.number) : [];
    return <OutcomesDialog key={what} what={what} outcomes={act.data} held={held} close={() => { close(true); }} />;
  }
  return (
    <Dialog title={t("bulk.title", { what: wordOf(t, "bulk_do", what), n: count })} text={wordOf(t, "bulk_text", what)} close={() => { close(false); }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act.mutate();
        }}
      >
        {what === "priority" && (
          <label className="field">
            <span>{t("bulk.priority")}</span>
            <input required type="number" min="0" max="1000" step="1" value={priority} onChange={(event) => { setPriority(event.target.value); }} />
          </label>
        )}
        {asksReason && (
          <label className="field">
            <span>{what === "confirm" ? t("bulk.overrule") : t(needsReason ? "desk.reason" : "desk.reason_optional")}</span>
            <textarea name="reason" required={needsReason} rows={2} maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
          </label>
        )}
        <FormFoot error={act.error} waiting={act.isPending || (needsReason && reason.trim() === "")} action={wordOf(t, "bulk_do", what)} close={() => { close(false); }} danger={what === "cancel"} />
      </form>
    </Dialog>
  );
}

function OutcomesDialog({ what, outcomes, held, close }: { what: What; outcomes: Outcomes; held: string[]; close: () => void }): ReactElement {
  const t = useDesk();
  const queries = useQueryClient();
  const resume = useMutation({
    mutationFn: () => api.actOnOrders({ numbers: held, action: { do: "resume" } }),
    onSuccess: (back) => {
      tell(t("bulk.undone", { n: back.done }));
      close();
    },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => Promise.all(["orders", "order-count", "review"].map((key) => queries.invalidateQueries({ queryKey: [key] }))),
  });
  // What failed is what somebody has to look at.
  const items = [...outcomes.items].sort((left, right) => Number(left.done) - Number(right.done));
  return (
    <Dialog title={t("bulk.outcome", { what: wordOf(t, "bulk_do", what), done: outcomes.done, total: outcomes.total })} close={close}>
      <ul className="outcomes" data-testid="outcomes">
        {items.map((outcome) => (
          <li key={outcome.number} className={outcome.done ? "outcome" : "outcome outcome-bad"}>
            <Glyph name={outcome.done ? "completed" : "down"} />
            <Link to="/orders/$number" params={{ number: outcome.number }}>
              {outcome.number}
            </Link>
            <span>{outcome.done ? (outcome.state == null ? t("bulk.done") : wordOf(t, "stage", outcome.state)) : (problemWords(t, { code: outcome.code ?? "", params: paramsOf(outcome.params), detail: outcome.problem ?? "", errors: fieldProblemsOf(outcome.errors) }) ?? outcome.problem)}</span>
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        {held.length > 0 && (
          <button type="button" className="button" disabled={resume.isPending} onClick={() => { resume.mutate(); }} data-testid="undo-hold">
            {t("action.undo")}
          </button>
        )}
        <button type="button" className="button button-primary" onClick={close}>
          {t("action.close")}
        </button>
      </div>
    </Dialog>
  );
}
