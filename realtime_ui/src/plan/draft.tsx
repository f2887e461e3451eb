import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { PlanHead } from "../api/types.ts";
import { tell } from "../app/toasts.tsx";
import { usePermission } from "../session/session.ts";
import { Confirm, Dialog } from "../ui/dialog.tsx";
import { reasonOf, Skeleton } from "../ui/states.tsx";
import { Differences } from "./differences.tsx";
import { reasonsWords, waitingSentence, type Telling } from "./words.ts";

interface DraftProps {
  head: PlanHead;
  draftId: number;
  number: number;
  telling: Telling;
}

/** A draft waits: what it would change, and the two ways on for whoever may plan. */
export function DraftBanner({ head, draftId, number, telling }: DraftProps): ReactElement {
  const { t } = telling;
  const mayPlan = usePermission("plan");
  const queries = useQueryClient();
  const [open, setOpen] = useState<"publish" | "discard" | null>(null);
  const draft = useQuery({ queryKey: ["plan", draftId], queryFn: () => api.plan(draftId) });
  const settled = (): Promise<unknown> => Promise.all([queries.invalidateQueries({ queryKey: ["plan"] }), queries.invalidateQueries({ queryKey: ["plans"] }), queries.invalidateQueries({ queryKey: ["planning"] })]);
  const discard = useMutation({
    mutationFn: () => api.discardPlan(draftId),
    onSuccess: () => { tell(t("draft.discarded_done", { number })); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: settled,
  });
  return (
    <section className="draft" aria-labelledby="draft-title" data-testid="plan-draft">
      <div>
        <h2 id="draft-title">{mayPlan ? t("draft.title", { number }) : t("draft.title_read", { number })}</h2>
        <p>
          {draft.data !== undefined && draft.data.reasons.length > 0 && <>{t("draft.because", { why: reasonsWords(telling, draft.data.reasons) })} </>}
          {head.id === null ? t("draft.text_first") : t("draft.text", { number: head.number })}
        </p>
      </div>
      <div className="draft-actions">
        {mayPlan && (
          <button type="button" className="button" disabled={discard.isPending} onClick={() => { setOpen("discard"); }}>
            {t("draft.discard")}
          </button>
        )}
        <button type="button" className="button button-primary" onClick={() => { setOpen("publish"); }}>
          {mayPlan ? t("draft.look") : t("draft.look_read")}
        </button>
      </div>
      {open === "publish" && <PublishDialog draftId={draftId} number={number} mayPlan={mayPlan} telling={telling} close={() => { setOpen(null); }} settled={settled} />}
      {open === "discard" && <Confirm title={t("draft.discard_title", { number })} text={t("draft.discard_text")} action={t("draft.discard")} danger close={() => { setOpen(null); }} confirm={() => { discard.mutate(); }} />}
    </section>
  );
}

interface PublishProps {
  draftId: number;
  number: number;
  mayPlan: boolean;
  telling: Telling;
  close: () => void;
  settled: () => Promise<unknown>;
}

function PublishDialog({ draftId, number, mayPlan, telling, close, settled }: PublishProps): ReactElement {
  const { t } = telling;
  const plan = useQuery({ queryKey: ["plan", draftId], queryFn: () => api.plan(draftId) });
  const publish = useMutation({
    mutationFn: () => api.publishPlan(draftId),
    onSuccess: () => {
      tell(t("draft.published_done", { number }));
      close();
    },
    onSettled: settled,
  });
  const waiting = plan.data === undefined ? "" : waitingSentence(t, plan.data);
  return (
    <Dialog title={mayPlan ? t("draft.publish_title", { number }) : t("version.title", { number })} text={t("draft.publish_text")} close={close}>
      <p>
        {plan.data === undefined ? <Skeleton width="60%" height="24px" /> : <strong>{t("version.late", { n: plan.data.late_orders })}</strong>}
        {waiting !== "" && ` · ${waiting}`}
      </p>
      <Differences id={draftId} telling={telling} />
      <p className="dialog-error" role="alert">
        {publish.error === null ? "" : reasonOf(t, publish.error)}
      </p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={close}>
          {t("action.back")}
        </button>
        {mayPlan && (
          <button type="button" className="button button-primary" disabled={publish.isPending} onClick={() => { publish.mutate(); }} data-testid="publish">
            {t("draft.publish", { number })}
          </button>
        )}
      </div>
    </Dialog>
  );
}
