import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { api } from "../../api/endpoints.ts";
import type { Help, LaterOrder, NewDraft, Why } from "../../api/types.ts";
import { tell } from "../../app/toasts.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Failed, reasonOf, Skeleton } from "../../ui/states.tsx";
import { LatenessMark } from "../lateness.tsx";
import type { PlanStore } from "../store.ts";
import { lateCauseWords, minutesWords, momentWords, type Telling } from "../words.ts";
import { barNamed } from "./helps.ts";
import { helpWords, laterWords, shareWords } from "./words.ts";

interface WhyProps {
  plan: number;
  scope: string;
  order: string;
  store: PlanStore;
  mayPlan: boolean;
  telling: Telling;
  close: () => void;
  /** Light an order in the chart. */
  show: (order: string) => void;
  make: (draft: NewDraft) => Promise<unknown>;
}

/** Why an order is late: the chain in words, what has which part of the delay, and what would help. */
export function WhyDialog(props: WhyProps): ReactElement {
  const { plan, order, telling, close } = props;
  const { t } = telling;
  const why = useQuery({ queryKey: ["why", plan, order], queryFn: () => api.whyLate(plan, order), staleTime: 0, retry: false });
  return (
    <Dialog title={t("whylate.title", { order })} close={close}>
      <div className="whylate" data-testid="whylate">
        {why.isError ? <Failed what={t("whylate.failed")} error={why.error} retry={() => void why.refetch()} /> : why.data === undefined ? <Skeleton width="100%" height="240px" /> : <Told {...props} why={why.data} />}
      </div>
      <div className="dialog-actions">
        <Link to="/orders/$number" params={{ number: order }} className="button">
          {t("card.open", { order })}
        </Link>
        <button type="button" className="button" onClick={close}>
          {t("action.close")}
        </button>
      </div>
    </Dialog>
  );
}

function Told({ why, store, telling, show, ...props }: WhyProps & { why: Why }): ReactElement {
  const { t } = telling;
  const most = Math.max(1, ...why.shares.map((share) => share.share_minutes));
  return (
    <>
      <p>
        {t("whylate.sentence", { work_order: why.work_order, end: momentWords(telling, why.end), due: momentWords(telling, why.due), as_of: momentWords(telling, why.as_of) })}{" "}
        <LatenessMark t={t} minutes={why.due === null ? null : why.delay_minutes} />
      </p>
      {why.delay_minutes <= 0 && <p>{t("whylate.not_late")}</p>}
      {why.chain.length > 0 && (
        <section>
          <h3>{t("whylate.chain")}</h3>
          <ol className="whylate-chain" data-testid="whylate-chain">
            {why.chain.map((cause, place) => {
              const behind = barNamed(store.bars.values(), cause.behind)?.view.order_number ?? null;
              return (
                <li key={place}>
                  {lateCauseWords(telling, cause)}{" "}
                  {behind !== null && behind !== why.order && (
                    <button type="button" className="link" onClick={() => { show(behind); }}>
                      {t("whylate.show", { order: behind })}
                    </button>
                  )}
                </li>
              );
            })}
          </ol>
        </section>
      )}
      {why.shares.length > 0 && (
        <section>
          <h3>{t("whylate.shares")}</h3>
          <ul className="whylate-shares" data-testid="whylate-shares">
            {why.shares.map((share, place) => (
              <li key={place}>
                <span className="whylate-minutes">{minutesWords(t, share.share_minutes)}</span>
                <span className="whylate-bar" aria-hidden="true">
                  <span style={{ width: `${(100 * share.share_minutes) / most}%` }} />
                </span>
                <span>{shareWords(telling, share)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {why.delay_minutes > 0 && <Helps {...props} why={why} store={store} telling={telling} show={show} />}
    </>
  );
}

function Helps({ why, scope, mayPlan, telling, close, make }: WhyProps & { why: Why }): ReactElement {
  const { t } = telling;
  const name = t("whylate.draft", { order: why.order });
  const attempt = useMutation({ mutationFn: make, onSuccess: close });
  const replan = useMutation({
    mutationFn: () => api.requestPlan(scope, name),
    onSuccess: () => {
      tell(t("plan.replan_done"));
      close();
    },
  });
  const error = attempt.error ?? replan.error;
  const waiting = attempt.isPending || replan.isPending;
  const act = (help: Help): (() => void) | null => {
    if (help.kind === "close_up") return () => { replan.mutate(); };
    const { change } = help;
    return change == null ? null : () => { attempt.mutate({ name, changes: [change], settle: "shift", improve_ms: 0 }); };
  };
  return (
    <section>
      <h3>{t("whylate.helps")}</h3>
      {why.helps.length === 0 && <p className="faint">{t("whylate.no_helps")}</p>}
      <ul className="whylate-helps" data-testid="whylate-helps">
        {why.helps.map((help, place) => {
          const run = act(help);
          return (
            <li key={place}>
              <div>
                <p>
                  <strong>{helpWords(telling, help)}</strong> · {t("whylate.gain", { duration: minutesWords(t, help.minutes), end: momentWords(telling, help.end) })}
                </p>
                <LaterList later={help.later} more={help.later_work_orders - help.later.length} telling={telling} />
              </div>
              {mayPlan && run !== null && (
                <button type="button" className="button" disabled={waiting} onClick={run} data-testid="whylate-try">
                  {help.kind === "close_up" ? t("plan.replan") : t("whylate.try")}
                </button>
              )}
            </li>
          );
        })}
      </ul>
      <p className="dialog-error" role="alert">
        {error === null ? "" : reasonOf(t, error)}
      </p>
    </section>
  );
}

/** Whose work ends later by it; told by name as far as names are known. */
export function LaterList({ later, more = 0, telling }: { later: readonly LaterOrder[]; more?: number; telling: Telling }): ReactElement {
  const { t } = telling;
  if (later.length === 0 && more <= 0) return <p className="faint">{t("whatif.nobody_later")}</p>;
  return (
    <ul className="later-list">
      {later.map((each) => (
        <li key={`${each.order ?? ""} ${each.work_order}`}>
          {each.order === null ? (
            each.work_order
          ) : (
            <Link to="/orders/$number" params={{ number: each.order }}>
              {each.order}
            </Link>
          )}{" "}
          {laterWords(telling, each)}
        </li>
      ))}
      {more > 0 && <li>{t("whatif.more_later", { n: more })}</li>}
    </ul>
  );
}
