import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useState, type ReactElement } from "react";
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
import { AskDialog } from "./whatif/ask.tsx";
import { DraftsDialog } from "./whatif/drafts.tsx";
import { useDrafting, type Drafting } from "./whatif/drafting.ts";
import { useLocks } from "./whatif/locks.ts";
import { useOnHold } from "./whatif/onhold.ts";
import { RushDialog } from "./whatif/rush.tsx";
import { DraftStrip } from "./whatif/strip.tsx";
import { WhyDialog } from "./whatif/why.tsx";
import { PlanSummaryPanel } from "./head.tsx";
import { PlanWords, usePlanWords } from "./language.tsx";
import { PolicyDialog } from "./policy.tsx";
import { ReplanDialog } from "./replan.tsx";
import { useScopeName } from "./scope.ts";
import { PlanSkeleton } from "./skeleton.tsx";
import { PlanStore } from "./store.ts";
import { useTelling } from "./telling.ts";
import type { Telling } from "./words.ts";
import "./plan.css";

const route = getRouteApi("/shell/plan");
/** Before the first site there is nothing to plan: ask again soon. */
const NONE_YET_MS = 5_000;

interface Address extends Looks {
  scope?: string;
  why?: string;
  draft?: number;
}

/** The page's address with a part of it changed; what is undefined is left out. */
function changed(before: Address, part: { [Name in keyof Address]: Address[Name] | undefined }): Address {
  return Object.fromEntries(Object.entries({ ...before, ...part }).filter(([, value]) => value !== undefined));
}

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
  const mayPlan = usePermission("plan");
  const mayOrder = usePermission("order");
  const setDraft = useCallback((draft: number | undefined) => { void navigate({ search: (before) => changed(before, { draft }), replace: true }); }, [navigate]);
  const setWhy = useCallback((why: string | undefined) => { void navigate({ search: (before) => changed(before, { why }), replace: true }); }, [navigate]);
  const drafting = useDrafting({ scope, plan: head?.id ?? null, store, telling, draftId: search.draft, setDraft });
  const lock = useLocks(telling);
  const onHold = useOnHold(planning.sites);
  const [rush, setRush] = useState<string | null>(null);
  const [drafts, setDrafts] = useState(false);
  const [asking, setAsking] = useState(false);
  if (status.kind === "refused") return status.code === "forbidden" ? <Forbidden detail={status.detail} /> : <NoScope scope={scope} />;
  const setLooks = (next: Looks): void => { void navigate({ search: next, replace: true }); };
  const show = (order: string): void => { void navigate({ search: (before) => changed(before, { order, why: undefined }), replace: true }); };
  const hands = { mayPlan, mayOrder, ghosts: drafting.ghosts, onHold, drop: drafting.drop, lock, why: setWhy, rush: setRush, undo: drafting.undo };
  return (
    <div className={stale === null ? "plan" : "plan is-stale"}>
      <PlanBarHead planning={planning} others={others} drafts={drafting.drafts.length} openDrafts={() => { setDrafts(true); }} openRush={mayOrder ? () => { setRush(""); } : null} openAsk={mayPlan && head?.id != null ? () => { setAsking(true); } : null} />
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
          {drafting.draft === null && head.draft_id !== null && head.draft !== null && <DraftBanner head={head} draftId={head.draft_id} number={head.draft} telling={telling} />}
          {drafting.draft !== null && <DraftStrip key={drafting.draft.id} drafting={drafting} draft={drafting.draft} scope={scope} mayPlan={mayPlan} telling={telling} change={() => { setAsking(true); }} />}
          <div className="plan-work">
            {head.id === null && !bars ? (
              <Empty title={t("plan.empty.title")}>
                <p>{t("plan.empty.text")}</p>
                <Link to="/orders" search={{}} className="button">
                  {t("plan.empty.orders")}
                </Link>
              </Empty>
            ) : (
              <Gantt store={store} telling={telling} hands={hands} looks={search} setLooks={setLooks} />
            )}
            <Feed store={store} scope={scope} telling={telling} />
          </div>
          <Asked head={head} planning={planning} store={store} telling={telling} drafting={drafting} why={search.why} setWhy={setWhy} rush={rush} setRush={setRush} show={show} mayPlan={mayPlan} />
          {asking && <AskDialog scope={scope} site={planning.sites[0] ?? scope} store={store} draft={drafting.draft} telling={telling} close={() => { setAsking(false); }} make={drafting.make} />}
          {drafts && (
            <DraftsDialog drafting={drafting} scope={scope} plan={head.id} planners={head.draft_id === null || head.draft === null ? null : { id: head.draft_id, number: head.draft }} mayPlan={mayPlan} telling={telling} close={() => { setDrafts(false); }} />
          )}
        </>
      )}
    </div>
  );
}

interface AskedProps {
  head: PlanHead;
  planning: Planning;
  store: PlanStore;
  telling: Telling;
  drafting: Drafting;
  why: string | undefined;
  setWhy: (order: string | undefined) => void;
  rush: string | null;
  setRush: (order: string | null) => void;
  show: (order: string) => void;
  mayPlan: boolean;
}

/** What somebody asks the planner: why an order is late, or what a rush order costs. */
function Asked({ head, planning, store, telling, drafting, why, setWhy, rush, setRush, show, mayPlan }: AskedProps): ReactElement {
  const { scope } = planning;
  // Of a draft that is looked at, its own changes count.
  const plan = drafting.draft?.id ?? head.id;
  return (
    <>
      {why !== undefined && plan !== null && <WhyDialog plan={plan} scope={scope} order={why} store={store} mayPlan={mayPlan} telling={telling} close={() => { setWhy(undefined); }} show={show} make={drafting.make} />}
      {rush !== null && <RushDialog scope={scope} site={planning.sites[0] ?? scope} order={rush} store={store} mayPlan={mayPlan} telling={telling} close={() => { setRush(null); }} make={drafting.make} />}
    </>
  );
}

/** How old what is shown is, in words; null while it is true now. */
function useStale(delayed: boolean): string | null {
  const t = usePlanWords();
  const age = useStaleness(useSeconds());
  if (age !== null) return t("stale.band", { age: formatDuration(t, age) });
  return delayed ? t("stale.delayed") : null;
}

interface BarHeadProps {
  planning: Planning;
  others: readonly Planning[];
  /** How many drafts wait. */
  drafts: number;
  openDrafts: () => void;
  /** Null: whoever looks may not take orders. */
  openRush: (() => void) | null;
  /** Null: whoever looks may not plan, or there is no plan to be changed. */
  openAsk: (() => void) | null;
}

function PlanBarHead({ planning, others, drafts, openDrafts, openRush, openAsk }: BarHeadProps): ReactElement {
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
        <button type="button" className="button" onClick={openDrafts} data-testid="open-drafts">
          {t("drafts.open", { n: drafts })}
        </button>
        {openAsk !== null && (
          <button type="button" className="button" onClick={openAsk} data-testid="open-ask">
            {t("ask.open")}
          </button>
        )}
        {openRush !== null && (
          <button type="button" className="button" onClick={openRush} data-testid="open-rush">
            {t("rush.open")}
          </button>
        )}
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
