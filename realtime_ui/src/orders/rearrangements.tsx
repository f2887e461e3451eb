import { useMutation, useQueries, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OrderDetails, Rearrangement } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { useDesk } from "../desk/language.tsx";
import { formatMoment, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Confirm } from "../ui/dialog.tsx";
import { reasonOf } from "../ui/states.tsx";

/** Of so many of an order's work orders it is asked what was done to them. */
const MOST = 20;

/** What was split and merged of the order's work orders, with the way back as long as there is one. */
export function Rearrangements({ details }: { details: OrderDetails }): ReactElement | null {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(details.site);
  const queries = useQueryClient();
  const mayOrder = usePermission("order");
  const [asked, setAsked] = useState<Rearrangement | null>(null);
  const works = [...new Set(details.pegs.map((peg) => peg.work_order_id))].slice(0, MOST);
  const lists = useQueries({
    queries: works.map((work) => ({ queryKey: ["rearrangements", work], queryFn: () => api.rearrangements({ work_order: work, limit: 20, offset: 0 }) })),
  });
  const undo = useMutation({
    mutationFn: (id: number) => api.undoRearrangement(id),
    onSuccess: () => { tell(t("rearrange.undone")); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => Promise.all(["rearrangements", "work-order-pegs", "order", "order-timeline", "order-events", "orders"].map((key) => queries.invalidateQueries({ queryKey: [key] }))),
  });
  const found = [...new Map(lists.flatMap((list) => list.data?.items ?? []).map((each) => [each.id, each])).values()].sort((left, right) => right.id - left.id);
  if (found.length === 0) return null;
  return (
    <section aria-labelledby="rearrangements">
      <h2 id="rearrangements" className="section">
        {t("rearrange.history")}
      </h2>
      <ul className="documents" data-testid="rearrangements">
        {found.map((each) => {
          const at = timeOf(each.made_at);
          return (
            <li key={each.id} data-testid={`rearrangement-${each.id}`}>
              <strong>{wordOf(t, "rearrange_kind", each.kind)}</strong>
              <span>
                {each.before.join(", ")} → {each.after.join(", ")}
              </span>
              <span className="faint">
                {at !== null && formatMoment(t, at, now, zone)} · {each.made_by}
                {each.reason !== null && <> · {each.reason}</>}
              </span>
              {each.undone_at !== null ? (
                <span className="faint">{t("rearrange.undone_by", { by: each.undone_by ?? "–" })}</span>
              ) : (
                mayOrder && (
                  <button type="button" className="button button-small" disabled={undo.isPending} onClick={() => { setAsked(each); }} data-testid={`undo-${each.id}`}>
                    {t("action.undo")}
                  </button>
                )
              )}
            </li>
          );
        })}
      </ul>
      {asked !== null && <Confirm title={t("rearrange.undo_title")} text={t("rearrange.undo_text", { after: asked.after.join(", "), before: asked.before.join(", ") })} action={t("action.undo")} close={() => { setAsked(null); }} confirm={() => { undo.mutate(asked.id); }} />}
    </section>
  );
}
