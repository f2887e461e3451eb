import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../../api/endpoints.ts";
import { Problem } from "../../api/problem.ts";
import type { ComparedPlan, PlansCompared } from "../../api/types.ts";
import { tell } from "../../app/toasts.tsx";
import { formatNumber } from "../../i18n/format.ts";
import { usePermission } from "../../session/session.ts";
import { Confirm } from "../../ui/dialog.tsx";
import { Empty, Failed, reasonOf, Skeleton } from "../../ui/states.tsx";
import { PlanWords, usePlanWords } from "../language.tsx";
import { LatenessMark } from "../lateness.tsx";
import { useTelling } from "../telling.ts";
import { minutesWords, momentWords, type Telling } from "../words.ts";
import { effectWords, setupWords } from "./words.ts";
import "../plan.css";

const route = getRouteApi("/shell/plan/compare");
const FIRST_ORDERS = 200;

/** `/plan/compare?ids=41,56`: plans side by side; the first is what the others are compared with. */
export function ComparePage(): ReactElement {
  return (
    <PlanWords skeleton={<Skeleton width="100%" height="320px" />}>
      <Loaded />
    </PlanWords>
  );
}

function Loaded(): ReactElement {
  const t = usePlanWords();
  const { ids = "", scope } = route.useSearch();
  const wanted = ids.split(",").map(Number).filter((id) => Number.isSafeInteger(id) && id > 0);
  const found = useQuery({ queryKey: ["compare", ids], queryFn: () => api.comparePlans(wanted), enabled: wanted.length > 1, staleTime: 0 });
  const sites = useQuery({ queryKey: ["planning"], queryFn: api.plannings }).data?.items.find((each) => each.scope === scope)?.sites ?? (scope === undefined ? [] : [scope]);
  const telling = useTelling(sites);
  return (
    <article className="plan-history" data-testid="compare-page">
      <header className="plan-head">
        <h1>{t("compare.title")}</h1>
        <div className="plan-actions">
          <Link to="/plan" search={scope === undefined ? {} : { scope }} className="button">
            {t("history.back")}
          </Link>
        </div>
      </header>
      {wanted.length < 2 ? (
        <Empty title={t("compare.none")}>
          <p>{t("compare.none_text")}</p>
        </Empty>
      ) : found.isError ? (
        <Failed what={t("compare.failed")} error={found.error} retry={() => void found.refetch()} />
      ) : found.data === undefined ? (
        <Skeleton width="100%" height="320px" />
      ) : (
        <Sides found={found.data} telling={telling} />
      )}
    </article>
  );
}

function nameOf({ t }: Telling, { plan, name }: ComparedPlan): string {
  const number = t("version.title", { number: plan.number });
  return name === null ? number : `${name} (${number})`;
}

function Sides({ found, telling }: { found: PlansCompared; telling: Telling }): ReactElement {
  const { t } = telling;
  const { plans } = found;
  const rows: readonly (readonly [string, (each: ComparedPlan) => string])[] = [
    [t("plan.late_orders"), ({ plan }) => formatNumber(plan.late_orders, t.language)],
    [t("plan.tardiness"), ({ plan }) => (plan.metrics.tardiness === 0 ? t("plan.late_none") : minutesWords(t, plan.metrics.tardiness))],
    [t("compare.worst"), ({ plan }) => (plan.metrics.most_tardy === 0 ? t("plan.late_none") : minutesWords(t, plan.metrics.most_tardy))],
    [t("compare.makespan"), ({ plan }) => minutesWords(t, plan.metrics.makespan)],
    [t("compare.setup"), ({ plan }) => minutesWords(t, plan.metrics.setup)],
    [t("compare.setup_change"), ({ compared }) => (compared === null ? "–" : setupWords(telling, compared.setup_minutes))],
    [t("compare.later"), ({ compared }) => (compared === null ? "–" : formatNumber(compared.later.length, t.language))],
    [t("compare.earlier"), ({ compared }) => (compared === null ? "–" : formatNumber(compared.earlier.length, t.language))],
    [t("compare.newly_late"), ({ compared }) => (compared === null ? "–" : formatNumber(compared.newly_late, t.language))],
    [t("compare.moved"), ({ compared }) => (compared === null ? "–" : formatNumber(Object.values(compared.moved).reduce((sum, n) => sum + n, 0), t.language))],
    [t("compare.cost"), ({ plan }) => formatNumber(plan.metrics.cost, t.language)],
  ];
  return (
    <>
      <div className="plan-table compare" tabIndex={0} role="region" aria-label={t("compare.metrics")}>
        <table data-testid="compare-metrics">
          <caption className="hidden-words">{t("compare.metrics")}</caption>
          <thead>
            <tr>
              <td />
              {plans.map((each) => (
                <th key={each.plan.id} scope="col">
                  {nameOf(telling, each)}
                  <span className={`version-state version-state-${each.plan.state}`}>{t(`version.state.${each.plan.state}`)}</span>
                  {each.plan.state === "draft" && <Decide each={each} telling={telling} />}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, say]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {plans.map((each) => (
                  <td key={each.plan.id}>{say(each)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <section className="version-part">
        <h2>{t("compare.orders")}</h2>
        {found.orders.length === 0 ? <p>{t("compare.orders_same")}</p> : <OrderEnds found={found} telling={telling} />}
      </section>
    </>
  );
}

function OrderEnds({ found, telling }: { found: PlansCompared; telling: Telling }): ReactElement {
  const { t } = telling;
  const shown = found.orders.slice(0, FIRST_ORDERS);
  return (
    <>
      <div className="plan-table compare" tabIndex={0} role="region" aria-label={t("compare.orders")}>
        <table data-testid="compare-orders">
          <thead>
            <tr>
              <th scope="col">{t("table.order")}</th>
              <th scope="col">{t("table.customer")}</th>
              <th scope="col">{t("card.due")}</th>
              {found.plans.map((each) => (
                <th key={each.plan.id} scope="col">
                  {nameOf(telling, each)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((order) => (
              <tr key={order.order}>
                <th scope="row">
                  <Link to="/orders/$number" params={{ number: order.order }}>
                    {order.order}
                  </Link>
                </th>
                <td>{order.customer}</td>
                <td className="plan-nowrap">{momentWords(telling, order.due)}</td>
                {order.ends.map((end, place) => (
                  <td key={found.plans[place]?.plan.id} className="plan-nowrap">
                    {momentWords(telling, end)} <LatenessMark t={t} minutes={order.lateness_minutes[place] ?? null} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < found.orders.length && <p className="faint">{t("compare.more", { n: found.orders.length - shown.length })}</p>}
    </>
  );
}

/** Publish a draft from its column, put it aside, or bring it up to the plan in force. */
function Decide({ each: { plan, name, compared }, telling }: { each: ComparedPlan; telling: Telling }): ReactElement | null {
  const { t } = telling;
  const queries = useQueryClient();
  const navigate = route.useNavigate();
  const search = route.useSearch();
  const mayPlan = usePermission("plan");
  const [asking, setAsking] = useState(false);
  const settled = (): Promise<unknown> => Promise.all(["compare", "drafts", "plans", "planning"].map((key) => queries.invalidateQueries({ queryKey: [key] })));
  const decide = useMutation({
    mutationFn: (what: "publish" | "discard") => (what === "publish" ? api.publishPlan(plan.id) : api.discardPlan(plan.id)),
    onSuccess: (_, what) => { tell(what === "publish" ? t("draft.published_done", { number: plan.number }) : t("draft.discarded_done", { number: plan.number })); },
    onSettled: settled,
  });
  const rebase = useMutation({
    mutationFn: () => api.rebaseDraft(plan.id),
    onSuccess: async (made) => {
      tell(t("whatif.rebased", { number: made.base_number ?? 0 }));
      const ids = (search.ids ?? "").split(",").map((id, place) => (Number(id) === plan.id ? made.id : place === 0 ? (made.base_id ?? id) : id));
      await navigate({ search: { ...search, ids: ids.join(",") } });
    },
    onSettled: settled,
  });
  if (!mayPlan) return null;
  const error = decide.error ?? rebase.error;
  const stale = decide.error instanceof Problem && ["stale-base", "calendar-changed"].includes(decide.error.code) && name !== null;
  const waiting = decide.isPending || rebase.isPending;
  return (
    <div className="compare-decide">
      <button type="button" className="button" disabled={waiting} onClick={() => { decide.mutate("discard"); }}>
        {t("draft.discard")}
      </button>
      {stale ? (
        <button type="button" className="button button-primary" disabled={waiting} onClick={() => { rebase.mutate(); }}>
          {t("whatif.rebase")}
        </button>
      ) : (
        <button type="button" className="button button-primary" disabled={waiting} onClick={() => { setAsking(true); }} data-testid={`publish-${plan.id}`}>
          {t("whatif.publish")}
        </button>
      )}
      {error !== null && (
        <p role="alert" className="compare-error">
          {error instanceof Problem && error.code === "stale-base" ? t("whatif.stale", { base: plan.base_number ?? 0 }) : reasonOf(t, error)}
        </p>
      )}
      {asking && (
        <Confirm title={t("draft.publish_title", { number: plan.number })} text={t("whatif.publish_text", { effect: compared === null ? "" : effectWords(telling, compared) })} action={t("whatif.publish")} close={() => { setAsking(false); }} confirm={() => { decide.mutate("publish"); }} />
      )}
    </div>
  );
}
