import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { PlanSummary } from "../api/types.ts";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { useScopeName } from "./scope.ts";
import { PlanWords, usePlanWords } from "./language.tsx";
import { useTelling } from "./telling.ts";
import { lifeWords, methodWords, reasonsWords, solveWords, waitingSentence, type Telling } from "./words.ts";
import "./plan.css";

const route = getRouteApi("/shell/plan/history");
const PAGE_ROWS = 30;
const REFRESH_MS = 5_000;

/** `/plan/history`: every version of a scope's plan, the newest first. */
export function HistoryPage(): ReactElement {
  return (
    <PlanWords skeleton={<HistorySkeleton />}>
      <History />
    </PlanWords>
  );
}

function History(): ReactElement {
  const t = usePlanWords();
  const { scope } = route.useSearch();
  const navigate = route.useNavigate();
  const nameOf = useScopeName();
  const plannings = useQuery({ queryKey: ["planning"], queryFn: api.plannings });
  if (plannings.isError && plannings.data === undefined) return <Failed what={t("history.failed")} error={plannings.error} retry={() => void plannings.refetch()} />;
  if (plannings.data === undefined) return <HistorySkeleton />;
  const { items } = plannings.data;
  const chosen = items.find((each) => each.scope === scope) ?? items[0];
  return (
    <div className="plan-history">
      <header className="plan-head">
        <h1>{t("history.title")}</h1>
        {items.length > 1 && chosen !== undefined && (
          <label className="plan-scope">
            <span className="hidden-words">{t("plan.scope")}</span>
            <select value={chosen.scope} onChange={(event) => { void navigate({ search: { scope: event.target.value } }); }}>
              {items.map((each) => (
                <option key={each.scope} value={each.scope}>
                  {nameOf(each)}
                </option>
              ))}
            </select>
          </label>
        )}
        <div className="plan-actions">
          <Link to="/plan" search={chosen === undefined ? {} : { scope: chosen.scope }} className="button">
            {t("history.back")}
          </Link>
        </div>
      </header>
      <p className="faint">{t("history.text")}</p>
      {chosen === undefined ? <Nothing /> : <Versions key={chosen.scope} scope={chosen.scope} sites={chosen.sites} />}
    </div>
  );
}

function Nothing(): ReactElement {
  const t = usePlanWords();
  return (
    <Empty title={t("history.empty.title")}>
      <p>{t("history.empty.text")}</p>
    </Empty>
  );
}

function Versions({ scope, sites }: { scope: string; sites: readonly string[] }): ReactElement {
  const t = usePlanWords();
  const telling = useTelling(sites);
  const [page, setPage] = useState(0);
  const plans = useQuery({
    queryKey: ["plans", scope, page],
    queryFn: () => api.plans(scope, { limit: PAGE_ROWS, offset: page * PAGE_ROWS }),
    refetchInterval: REFRESH_MS,
    placeholderData: (before) => before,
  });
  if (plans.isError && plans.data === undefined) return <Failed what={t("history.failed")} error={plans.error} retry={() => void plans.refetch()} />;
  if (plans.data === undefined) return <Rows />;
  if (plans.data.total === 0) return <Nothing />;
  const pages = Math.max(1, Math.ceil(plans.data.total / PAGE_ROWS));
  return (
    <>
      <ol className="versions">
        {plans.data.items.map((plan) => (
          <Version key={plan.id} plan={plan} telling={telling} />
        ))}
      </ol>
      {pages > 1 && (
        <nav className="plan-pager" aria-label={t("history.pages")}>
          <button type="button" className="button" disabled={page === 0} onClick={() => { setPage(page - 1); }}>
            {t("history.newer")}
          </button>
          <span>{t("history.page", { page: page + 1, pages })}</span>
          <button type="button" className="button" disabled={page + 1 >= pages} onClick={() => { setPage(page + 1); }}>
            {t("history.older")}
          </button>
        </nav>
      )}
    </>
  );
}

function Version({ plan, telling }: { plan: PlanSummary; telling: Telling }): ReactElement {
  const { t } = telling;
  const waiting = waitingSentence(t, plan);
  return (
    <li className={`version version-${plan.state}`} data-testid={`plan-${plan.number}`} data-state={plan.state}>
      <div className="version-name">
        <Link to="/plan/history/$id" params={{ id: String(plan.id) }}>
          {t("version.title", { number: plan.number })}
        </Link>
        <span className={`version-state version-state-${plan.state}`}>{t(`version.state.${plan.state}`)}</span>
      </div>
      <div className="version-why">
        <p>{plan.reasons.length === 0 ? t("version.first") : reasonsWords(telling, plan.reasons, true)}</p>
        <p className="faint">
          {lifeWords(telling, plan)} · {t("version.by_method", { method: methodWords(t, plan.method), duration: solveWords(t, plan.solve_ms) })}
        </p>
      </div>
      <div className="version-figures">
        <p className={plan.late_orders > 0 ? "version-late" : ""}>{t("version.late", { n: plan.late_orders })}</p>
        <p className="faint">{waiting}</p>
      </div>
    </li>
  );
}

function Rows(): ReactElement {
  return (
    <ol className="versions" aria-busy="true">
      {[0, 1, 2, 3, 4].map((place) => (
        <li key={place} className="version">
          <Skeleton width="96px" height="24px" />
          <Skeleton width="80%" height="44px" />
          <Skeleton width="96px" height="24px" />
        </li>
      ))}
    </ol>
  );
}

function HistorySkeleton(): ReactElement {
  return (
    <div className="plan-history" aria-busy="true">
      <header className="plan-head">
        <Skeleton width="180px" height="32px" />
      </header>
      <Rows />
    </div>
  );
}
