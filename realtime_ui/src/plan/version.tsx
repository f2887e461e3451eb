import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { PlannedOrder, PlanVersion } from "../api/types.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { download } from "../ui/csv.ts";
import { differencesCsv } from "./csv.ts";
import { usePermission } from "../session/session.ts";
import { Differences, useDifferences } from "./differences.tsx";
import { EnteredPart } from "./whatif/entries.tsx";
import { PlanWords, usePlanWords } from "./language.tsx";
import { LatenessMark } from "./lateness.tsx";
import { useTelling } from "./telling.ts";
import { causeSentence, lateCauseWords, lifeWords, methodWords, momentWords, solveWords, waitingSentence, type Telling } from "./words.ts";
import "./plan.css";

const route = getRouteApi("/shell/plan/history/$id");
const LATE_MINUTES = 5;
const MOST_LATE = 50;

/** `/plan/history/<id>`: one version, why it was made and what it changed. */
export function VersionPage(): ReactElement {
  return (
    <PlanWords skeleton={<VersionSkeleton />}>
      <Loaded />
    </PlanWords>
  );
}

function Loaded(): ReactElement {
  const t = usePlanWords();
  const id = Number(route.useParams().id);
  const plan = useQuery({ queryKey: ["plan", id], queryFn: () => api.plan(id) });
  const planning = useQuery({ queryKey: ["planning"], queryFn: api.plannings });
  if (plan.isError && plan.data === undefined) return <Failed what={t("version.failed")} error={plan.error} retry={() => void plan.refetch()} />;
  if (plan.data === undefined) return <VersionSkeleton />;
  const scope = plan.data.scope;
  return <Version plan={plan.data} sites={planning.data?.items.find((each) => each.scope === scope)?.sites ?? [scope]} />;
}

function Version({ plan, sites }: { plan: PlanVersion; sites: readonly string[] }): ReactElement {
  const telling = useTelling(sites);
  const { t } = telling;
  const mayPlan = usePermission("plan");
  const waiting = waitingSentence(t, plan);
  const differences = useDifferences(plan.id).data;
  const late = plan.orders.filter((order) => (order.lateness_minutes ?? 0) > LATE_MINUTES);
  return (
    <article className="plan-history" data-testid="plan-version">
      <header className="plan-head">
        <h1>{t("version.title", { number: plan.number })}</h1>
        <span className={`version-state version-state-${plan.state}`}>{t(`version.state.${plan.state}`)}</span>
        <div className="plan-actions">
          <button type="button" className="button" disabled={differences === undefined} onClick={() => { if (differences !== undefined) download(`plan-${plan.number}.csv`, differencesCsv(telling, differences)); }}>
            {t("version.csv")}
          </button>
          <Link to="/plan/history" search={{ scope: plan.scope }} className="button">
            {t("history.all")}
          </Link>
          <Link to="/plan" search={{ scope: plan.scope }} className="button">
            {t("history.back")}
          </Link>
        </div>
      </header>
      <p>
        {lifeWords(telling, plan)} · {t("version.by_method", { method: methodWords(t, plan.method), duration: solveWords(t, plan.solve_ms) })}
      </p>
      <section className="version-part">
        <h2>{t("version.why")}</h2>
        {plan.reasons.length === 0 ? (
          <p>{t("version.first")}</p>
        ) : (
          <ul className="difference-list" data-testid="plan-reasons">
            {plan.reasons.map((reason) => (
              <li key={reason.disruption}>
                <time>{momentWords(telling, reason.occurred)}</time> {causeSentence(telling, reason)}
              </li>
            ))}
          </ul>
        )}
        <p>
          <strong>{t("version.late", { n: plan.late_orders })}</strong>
          {waiting !== "" && ` · ${waiting}`}
        </p>
        {plan.bound != null && (
          <p data-testid="plan-bound">{plan.bound.gap_percent === 0 ? t("version.best") : t("version.gap", { percent: plan.bound.gap_percent })}</p>
        )}
      </section>
      <section className="version-part">
        <h2>{plan.base_number === null ? t("version.base_none") : t("version.base", { number: plan.base_number })}</h2>
        <Differences id={plan.id} telling={telling} />
      </section>
      <EnteredPart plan={plan.id} mayPlan={mayPlan} telling={telling} />
      {late.length > 0 && (
        <section className="version-part">
          <h2>{t("version.late_orders")}</h2>
          <ul className="late-orders">
            {late.slice(0, MOST_LATE).map((order) => (
              <LateOrder key={order.order} order={order} telling={telling} />
            ))}
          </ul>
        </section>
      )}
    </article>
  );
}

function LateOrder({ order, telling }: { order: PlannedOrder; telling: Telling }): ReactElement {
  const { t } = telling;
  return (
    <li>
      <p>
        <Link to="/orders/$number" params={{ number: order.order }}>
          {order.order}
        </Link>{" "}
        {order.customer} · {momentWords(telling, order.end)} <LatenessMark t={t} minutes={order.lateness_minutes} />
      </p>
      {order.because.length > 0 && (
        <ol className="late-chain">
          {order.because.map((cause, place) => (
            <li key={place}>{lateCauseWords(telling, cause)}</li>
          ))}
        </ol>
      )}
    </li>
  );
}

function VersionSkeleton(): ReactElement {
  return (
    <div className="plan-history" aria-busy="true">
      <header className="plan-head">
        <Skeleton width="140px" height="32px" />
      </header>
      <Skeleton width="60%" height="24px" />
      <Skeleton width="100%" height="96px" />
      <Skeleton width="100%" height="240px" />
    </div>
  );
}
