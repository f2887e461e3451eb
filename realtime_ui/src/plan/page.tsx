import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useMemo, useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { PlanHead, Planning } from "../api/types.ts";
import { useSites } from "../app/sites.ts";
import { LiveLoading } from "../app/unreachable.tsx";
import { formatDuration, formatZone, zoneDiffers } from "../i18n/format.ts";
import { useChannel, useChannelStatus, useEntry, useKeys, useLive, useStaleness } from "../live/react.tsx";
import { usePermission } from "../session/session.ts";
import { useSeconds } from "../ui/clock.ts";
import { Empty, Failed, Forbidden } from "../ui/states.tsx";
import { DraftBanner } from "./draft.tsx";
import { Feed } from "./feed.tsx";
import { Gantt, type Looks } from "./gantt/gantt.tsx";
import { PlanSummaryPanel } from "./head.tsx";
import { PlanWords, usePlanWords } from "./language.tsx";
import { PolicyDialog } from "./policy.tsx";
import { ReplanDialog } from "./replan.tsx";
import { useScopeName } from "./scope.ts";
import { PlanSkeleton } from "./skeleton.tsx";
import { PlanStore } from "./store.ts";
import { useTelling } from "./telling.ts";
import "./plan.css";

const route = getRouteApi("/shell/plan");
/** Before the first site there is nothing to plan: ask again soon. */
const NONE_YET_MS = 5_000;

/** `/plan`: the plan in force, what it is made of, and what happens to it. */
export function PlanPage(): ReactElement {
  return (
    <PlanWords skeleton={<PlanSkeleton />}>
      <Scopes />
    </PlanWords>
  );
}

function Scopes(): ReactElement {
  const t = usePlanWords();
  const { scope } = route.useSearch();
  const plannings = useQuery({ queryKey: ["planning"], queryFn: api.plannings, refetchInterval: (query) => (query.state.data?.items.length === 0 ? NONE_YET_MS : false) });
  if (plannings.isError && plannings.data === undefined) return <Failed what={t("plan.failed")} error={plannings.error} retry={() => void plannings.refetch()} />;
  if (plannings.data === undefined) return <PlanSkeleton />;
  const { items } = plannings.data;
  const chosen = scope === undefined ? items[0] : items.find((each) => each.scope === scope || each.sites.includes(scope));
  if (chosen === undefined && scope === undefined) {
    return (
      <Empty title={t("plan.no_site.title")}>
        <p>{t("plan.no_site.text")}</p>
      </Empty>
    );
  }
  if (chosen === undefined) return <NoScope scope={scope ?? ""} />;
  return <ScopePlan key={chosen.scope} planning={chosen} others={items} />;
}

function NoScope({ scope }: { scope: string }): ReactElement {
  const t = usePlanWords();
  return (
    <Empty title={t("plan.unknown.title", { scope })}>
      <p>{t("plan.unknown.text")}</p>
      <Link to="/plan" search={{}} className="button">
        {t("plan.title")}
      </Link>
    </Empty>
  );
}

function ScopePlan({ planning, others }: { planning: Planning; others: readonly Planning[] }): ReactElement {
  const { scope } = planning;
  const t = usePlanWords();
  const channel = useChannel(`plan:${scope}`);
  const status = useChannelStatus(channel);
  const head = useEntry<PlanHead>(channel, "plan");
  const store = useMemo(() => new PlanStore(channel), [channel]);
  useEffect(() => store.follow(), [store]);
  const telling = useTelling(planning.sites);
  const navigate = route.useNavigate();
  const search = route.useSearch();
  const bars = useKeys(channel).some((key) => key.startsWith("bar/"));
  const stale = useStale(status.kind === "delayed");
  if (status.kind === "refused") return status.code === "forbidden" ? <Forbidden detail={status.detail} /> : <NoScope scope={scope} />;
  const setLooks = (next: Looks): void => { void navigate({ search: next, replace: true }); };
  return (
    <div className={stale === null ? "plan" : "plan is-stale"}>
      <PlanBarHead planning={planning} others={others} />
      {stale !== null && (
        <p className="plan-stale" role="alert" data-testid="stale">
          {stale}
        </p>
      )}
      {head === undefined ? (
        <LiveLoading>
          <PlanSkeleton bare />
        </LiveLoading>
      ) : (
        <>
          <PlanSummaryPanel head={head} telling={telling} />
          {head.draft_id !== null && head.draft !== null && <DraftBanner head={head} draftId={head.draft_id} number={head.draft} telling={telling} />}
          <div className="plan-work">
            {head.id === null && !bars ? (
              <Empty title={t("plan.empty.title")}>
                <p>{t("plan.empty.text")}</p>
                <Link to="/orders" search={{}} className="button">
                  {t("plan.empty.orders")}
                </Link>
              </Empty>
            ) : (
              <Gantt store={store} telling={telling} looks={search} setLooks={setLooks} />
            )}
            <Feed store={store} scope={scope} telling={telling} />
          </div>
        </>
      )}
    </div>
  );
}

/** How old what is shown is, in words; null while it is true now. */
function useStale(delayed: boolean): string | null {
  const t = usePlanWords();
  const age = useStaleness(useSeconds());
  if (age !== null) return t("stale.band", { age: formatDuration(t, age) });
  return delayed ? t("stale.delayed") : null;
}

function PlanBarHead({ planning, others }: { planning: Planning; others: readonly Planning[] }): ReactElement {
  const t = usePlanWords();
  const live = useLive();
  const mayPlan = usePermission("plan");
  const sites = useSites();
  const navigate = route.useNavigate();
  const [open, setOpen] = useState<"replan" | "policy" | null>(null);
  const now = useSeconds();
  const age = useStaleness(now);
  const zone = sites.data?.items.find((site) => site.code === planning.sites[0])?.time_zone ?? "UTC";
  const nameOf = useScopeName();
  return (
    <header className="plan-head">
      <h1>{t("plan.title")}</h1>
      {others.length > 1 ? (
        <label className="plan-scope">
          <span className="hidden-words">{t("plan.scope")}</span>
          <select value={planning.scope} onChange={(event) => { void navigate({ search: { scope: event.target.value } }); }}>
            {others.map((each) => (
              <option key={each.scope} value={each.scope}>
                {nameOf(each)}
              </option>
            ))}
          </select>
        </label>
      ) : (
        <span className="plan-site">{nameOf(planning)}</span>
      )}
      {zoneDiffers(zone, now) && <span className="faint plan-zone">{t("plan.zone", { zone: formatZone(zone, now, t.language) })}</span>}
      <div className="plan-actions">
        {age !== null && (
          <button type="button" className="button" onClick={() => { live.retry(); }}>
            {t("action.retry")}
          </button>
        )}
        <Link to="/plan/history" search={{ scope: planning.scope }} className="button">
          {t("plan.history")}
        </Link>
        <button type="button" className="button" onClick={() => { setOpen("policy"); }}>
          {t("plan.policy")}
        </button>
        {mayPlan && (
          <button type="button" className="button button-primary" onClick={() => { setOpen("replan"); }}>
            {t("plan.replan")}
          </button>
        )}
      </div>
      {open === "replan" && <ReplanDialog scope={planning.scope} close={() => { setOpen(null); }} />}
      {open === "policy" && <PolicyDialog scope={planning.scope} name={nameOf(planning)} mayChange={mayPlan} close={() => { setOpen(null); }} />}
    </header>
  );
}
