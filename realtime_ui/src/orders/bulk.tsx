import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { fieldProblemsOf, paramsOf } from "../api/problem.ts";
import type { Bulk, BulkAction, CancellationPreview, Outcomes } from "../api/types.ts";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { useDesk } from "../desk/language.tsx";
import { formatNumber, formatUnit } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { Glyph } from "../ui/glyph.tsx";
import { problemWords } from "../ui/problems.ts";
import { reasonOf, Skeleton } from "../ui/states.tsx";
import { wayBack, type WayBack } from "./wayback.ts";

type What = BulkAction["do"];

const ACTIONS: readonly What[] = ["confirm", "release", "hold", "resume", "priority", "site", "cancel"];
/** So many orders are handled at once; the server refuses more. */
export const MOST_AT_ONCE = 1_000;
/** So many orders are named where more are counted. */
const NAMED = 5;

/** What may be done to the chosen orders. */
export function BulkBar({ count, chosen, clear }: { count: number; chosen: Pick<Bulk, "numbers" | "filter">; clear: () => void }): ReactElement {
  const t = useDesk();
  const sites = useSites();
  const [what, setWhat] = useState<What | null>(null);
  const tooMany = count > MOST_AT_ONCE;
  const actions = (sites.data?.items.length ?? 0) > 1 ? ACTIONS : ACTIONS.filter((each) => each !== "site");
  return (
    <div className="bulk" role="toolbar" aria-label={t("bulk.label")} data-testid="bulk">
      <strong aria-live="polite">{t("bulk.chosen", { n: count })}</strong>
      {tooMany && <span>{t("bulk.too_many", { most: MOST_AT_ONCE })}</span>}
      <span className="bulk-actions">
        {actions.map((each) => (
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

function actionOf(what: What, reason: string, priority: string, site: string): BulkAction {
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
    case "site":
      return { do: "site", site, ...optional };
  }
}

function BulkDialog({ what, count, chosen, close }: { what: What; count: number; chosen: Pick<Bulk, "numbers" | "filter">; close: (done: boolean) => void }): ReactElement {
  const t = useDesk();
  const queries = useQueryClient();
  const mayOverrule = usePermission("review");
  const [reason, setReason] = useState("");
  const [priority, setPriority] = useState("5");
  const [site, setSite] = useState("");
  const sites = useSites();
  const act = useMutation({
    mutationFn: () => api.actOnOrders({ ...chosen, action: actionOf(what, reason, priority, site) }),
    onSettled: () => Promise.all([queries.invalidateQueries({ queryKey: ["orders"] }), queries.invalidateQueries({ queryKey: ["order-count"] }), queries.invalidateQueries({ queryKey: ["review"] })]),
  });
  const needsReason = what === "hold" || what === "cancel";
  const asksReason = what !== "release" && (what !== "confirm" || mayOverrule);
  if (act.data !== undefined) {
    return <OutcomesDialog key={what} what={what} outcomes={act.data} back={wayBack(what, act.data, Number(priority))} close={() => { close(true); }} />;
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
        {what === "site" && (
          <label className="field">
            <span>{t("orders.site")}</span>
            <select name="site" required value={site} onChange={(event) => { setSite(event.target.value); }}>
              <option value="">{t("bulk.choose_site")}</option>
              {sites.data?.items.map((each) => (
                <option key={each.code} value={each.code}>
                  {each.name}
                </option>
              ))}
            </select>
          </label>
        )}
        {what === "cancel" && <Consequences chosen={chosen} />}
        {asksReason && (
          <label className="field">
            <span>{what === "confirm" ? t("bulk.overrule") : t(needsReason ? "desk.reason" : "desk.reason_optional")}</span>
            <textarea name="reason" required={needsReason} rows={2} maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
          </label>
        )}
        <FormFoot error={act.error} waiting={act.isPending || (needsReason && reason.trim() === "") || (what === "site" && site === "")} action={wordOf(t, "bulk_do", what)} close={() => { close(false); }} danger={what === "cancel"} />
      </form>
    </Dialog>
  );
}

/** What cancelling would reach, before it is done: there is no way back. */
function Consequences({ chosen }: { chosen: Pick<Bulk, "numbers" | "filter"> }): ReactElement {
  const t = useDesk();
  const preview = useQuery({ queryKey: ["cancel-preview", chosen], queryFn: () => api.previewCancellation(chosen), staleTime: 0 });
  if (preview.isError) return <p role="alert">{reasonOf(t, preview.error)}</p>;
  if (preview.data === undefined) return <Skeleton width="100%" height="96px" />;
  return (
    <ul className="consequences" data-testid="consequences">
      {consequencesOf(t, preview.data).map((each) => (
        <li key={each}>{each}</li>
      ))}
      {preview.data.begun.map((work) => (
        <li key={work.work_order} className="consequence-begun">
          <Glyph name="down" />
          <span>
            {t("cancel.begun", {
              work_order: work.work_order,
              item: work.item ?? "–",
              good: formatNumber(work.good_pieces, t.language),
              quantity: work.quantity === null ? "–" : `${formatNumber(work.quantity, t.language)} ${formatUnit(t, work.unit, work.quantity)}`,
              orders: work.orders.join(", "),
              then: work.shared ? "shared" : work.running,
            })}
          </span>
        </li>
      ))}
    </ul>
  );
}

function consequencesOf(t: ReturnType<typeof useDesk>, told: CancellationPreview): string[] {
  const refused = told.refused.map((each) => each.number);
  return [
    t("cancel.orders", { orders: told.orders, lines: told.lines, customers: told.customers }),
    ...(refused.length > 0 ? [t("cancel.refused", { n: refused.length, numbers: refused.slice(0, NAMED).join(", "), more: Math.max(0, refused.length - NAMED) })] : []),
    ...(told.work_orders_removed > 0 ? [t("cancel.removed", { n: told.work_orders_removed })] : []),
    ...(told.work_orders_reduced > 0 ? [t("cancel.reduced", { n: told.work_orders_reduced })] : []),
    ...(told.reservations > 0 ? [t("cancel.reservations", { n: told.reservations })] : []),
  ];
}

function OutcomesDialog({ what, outcomes, back, close }: { what: What; outcomes: Outcomes; back: WayBack | null; close: () => void }): ReactElement {
  const t = useDesk();
  const queries = useQueryClient();
  const undo = useMutation({
    mutationFn: async () => {
      const done: Outcomes[] = [];
      for (const step of back?.steps ?? []) done.push(await api.actOnOrders(step));
      return done.reduce((sum, each) => sum + each.done, 0);
    },
    onSuccess: (n) => {
      const left = (back?.count ?? 0) - n;
      tell(t(what === "hold" ? "bulk.undone" : "bulk.priority_undone", { n }) + (left > 0 ? ` ${t("bulk.left", { n: left })}` : ""), { bad: left > 0 });
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
        {back !== null && (
          <button type="button" className="button" disabled={undo.isPending} onClick={() => { undo.mutate(); }} data-testid={`undo-${what}`}>
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
