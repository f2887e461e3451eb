import { useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { dayIn } from "../i18n/format.ts";
import { showTheme } from "../theme/theme.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { putTarget } from "./api.ts";
import { behindOf, behindText, type Looked } from "./behind.ts";
import { BehindDialog } from "./behinddialog.tsx";
import { useReport } from "./card.tsx";
import type { Definition, Report, Row, Slot } from "./envelope.ts";
import { Exports } from "./exports.tsx";
import { definitionOf, wayOf } from "./figures.ts";
import { AsOf, Filters } from "./filters.tsx";
import { periodWords } from "./card.tsx";
import { ReportWords, useReportWords } from "./language.tsx";
import { queryOf, reportSearchOf, type ReportQuery, type ReportSearch } from "./search.ts";
import { BarsCard, ParetoCard, StackedCard, TrendCard, type RowAction } from "./sections.tsx";
import { KpiTile } from "./tile.tsx";
import "../orders/orders.css";
import "../desk/desk.css";
import "./reports.css";

const route = getRouteApi("/shell/reports");

/** `/reports`: how the plant does, against its targets, and the way from each figure to what is behind it. */
export function ReportsPage(): ReactElement {
  return (
    <ReportWords skeleton={<Skeleton width="100%" height="480px" />}>
      <Reports />
    </ReportWords>
  );
}

type Change = Partial<Record<keyof ReportSearch, string | undefined>>;

function Reports(): ReactElement {
  const t = useReportWords();
  const search = route.useSearch();
  const navigate = useNavigate();
  const now = useNow();
  const sites = useSites();
  const mayConfigure = usePermission("configure");
  const zone = (sites.data?.items.find((site) => site.code === search.site) ?? sites.data?.items[0])?.time_zone ?? "UTC";
  const today = dayIn(now, zone);
  const query = queryOf(search, today);
  const apply = (change: Change): void => {
    void navigate({ to: "/reports", search: reportSearchOf({ ...search, page: undefined, behind: undefined, ...change }), resetScroll: false });
  };
  usePaper();
  if (sites.isError) return <Failed what={t("error.sites")} error={sites.error} retry={() => void sites.refetch()} />;
  if (sites.data === undefined) return <Skeleton width="100%" height="480px" />;
  const behind = behindOf(search.behind);
  return (
    <div className="desk reports">
      <header className="reports-head">
        <h1>{t("reports.title")}</h1>
        <nav className="reports-ways" aria-label={t("reports.more")}>
          <Link className="button button-quiet" to="/reports/stops" search={{}}>
            {t("reports.stops")}
          </Link>
          {mayConfigure && (
            <Link className="button button-quiet" to="/reports/schedules">
              {t("reports.schedules")}
            </Link>
          )}
          <button type="button" className="button button-quiet" onClick={() => { print(); }}>
            {t("reports.print")}
          </button>
        </nav>
      </header>
      <Filters search={search} today={today} zone={zone} now={now} apply={apply} />
      <AsOf search={search} zone={zone} now={now} apply={apply} />
      <Overview query={query} />
      <Sections query={query} today={today} apply={apply} />
      {behind !== null && <BehindDialog behind={behind} query={query} zone={zone} close={() => { apply({}); }} />}
    </div>
  );
}

/** Paper is white: what is printed has the colours of the office. */
function usePaper(): void {
  useEffect(() => {
    let before: string | undefined;
    const print = (): void => {
      before = document.documentElement.dataset["theme"];
      showTheme("office");
    };
    const after = (): void => {
      if (before === "hall") showTheme("hall");
    };
    addEventListener("beforeprint", print);
    addEventListener("afterprint", after);
    return () => {
      removeEventListener("beforeprint", print);
      removeEventListener("afterprint", after);
    };
  }, []);
}

/** What a manager looks at every day, in this order; the others fold. */
const MAIN = ["on_time_in_full", "fulfilment_rate", "delay", "late_orders", "lead_time", "order_processing_time", "oee", "availability", "quality_ratio", "load", "utilization", "scrap_ratio", "scrap_cost", "inventory_turns", "forecast_wape", "service_level"];
const isMain = (code: string): boolean => MAIN.includes(code.split(":")[0] ?? code);
const rank = (code: string): number => { const place = MAIN.indexOf(code.split(":")[0] ?? code); return place < 0 ? MAIN.length : place; };

function Overview({ query }: { query: ReportQuery }): ReactElement {
  const t = useReportWords();
  const maySet = usePermission("configure") && query.as_of === undefined;
  const queries = useQueryClient();
  const report = useReport("overview", query);
  const { data } = report;
  const change = useMutation({
    mutationFn: ({ code, target }: { code: string; target: number | null }) => putTarget({ code, target, site: query.site ?? (data?.scope.sites.length === 1 ? (data.scope.sites[0] ?? null) : null), valid_from: query.from }),
    onSuccess: () => { tell(t("reports.target_kept")); },
    onSettled: () => queries.invalidateQueries({ queryKey: ["report"] }),
  });
  const ways = useWays(query);
  if (report.isError && data === undefined) return <Failed what={t("reports.failed")} error={report.error} retry={() => void report.refetch()} />;
  if (data === undefined) return <Skeleton width="100%" height="280px" />;
  const shown = Object.keys(data.totals).flatMap((code) => definitionOf(data, code) ?? []).sort((left, right) => rank(left.code) - rank(right.code));
  const tile = (each: Definition): ReactElement | null => {
    const figure = data.totals[each.code];
    if (figure === undefined) return null;
    return (
      <KpiTile
        key={each.code}
        definition={each}
        figure={figure}
        before={figure.previous === undefined ? undefined : { value: figure.previous }}
        way={ways(each.code)}
        setTarget={maySet ? (target) => change.mutateAsync({ code: each.code, target }) : null}
      />
    );
  };
  return (
    <section aria-label={t("reports.overview")} className={report.isPlaceholderData ? "is-waiting" : undefined} data-testid="overview" data-as-of={data.as_of}>
      <div className="list-head">
        <p className="faint" data-testid="report-period">
          {periodWords(t, data)}
        </p>
        <Exports name="overview" query={query} title={t("reports.title")} period="" svg={null} />
      </div>
      <Notes report={data} />
      {shown.length === 0 ? (
        <Empty title={t("reports.nothing")} />
      ) : (
        <>
          <ul className="kpis">{shown.filter((each) => isMain(each.code)).map(tile)}</ul>
          {shown.some((each) => !isMain(each.code)) && (
            <details className="report-fold more-figures">
              <summary data-testid="more-figures">{t("reports.more_figures", { n: shown.filter((each) => !isMain(each.code)).length })}</summary>
              <ul className="kpis">{shown.filter((each) => !isMain(each.code)).map(tile)}</ul>
            </details>
          )}
        </>
      )}
    </section>
  );
}

/** How figures went: from the reports that the charts below ask for anyway. */
function useWays(query: ReportQuery): (code: string) => readonly (number | null)[] {
  const reports = [useReport("delivery", query), useReport("oee", query), useReport("turns", query), useReport("forecasts", query), useReport("service-level", query)];
  return (code) => {
    const found = reports.find((report) => report.data?.series.some((slot) => slot.figures[code] !== undefined) === true)?.data;
    return found === undefined ? [] : wayOf(found.series, code);
  };
}

/** What has to be known about these figures: some are preliminary, some are not whole. */
function Notes({ report }: { report: Report }): ReactElement | null {
  const t = useReportWords();
  const words = [...(report.preliminary ? [t("reports.preliminary")] : []), ...report.notes.map((note) => note.words)];
  if (words.length === 0) return null;
  return (
    <ul className="report-notes" data-testid="report-notes">
      {words.map((each) => (
        <li key={each}>{each}</li>
      ))}
    </ul>
  );
}

const DELIVERY_BY = ["customer", "item", "line", "site"] as const;
const FLOOR_BY = ["line", "machine", "site"] as const;

/** What planned time goes into, from the best to the worst (ISO 22400-2). */
const TIME_LAYERS = ["production", "setup", "micro_stop", "delay", "idle", "unknown"] as const;

/** What the charts are cut by, chosen beside their headings. */
function By<T extends string>({ value, all, choose, name }: { value: T; all: readonly T[]; choose: (by: T) => void; name: string }): ReactElement {
  const t = useReportWords();
  return (
    <select className="report-by" aria-label={t("reports.by")} value={value} onChange={(event) => { const next = all.find((each) => each === event.target.value); if (next !== undefined) choose(next); }} data-testid={`by-${name}`}>
      {all.map((each) => (
        <option key={each} value={each}>
          {t(`reports.by_${each}` as "reports.by_line")}
        </option>
      ))}
    </select>
  );
}

function Sections({ query, today, apply }: { query: ReportQuery; today: string; apply: (change: Change) => void }): ReactElement {
  const t = useReportWords();
  const navigate = useNavigate();
  const [deliveryBy, setDeliveryBy] = useState<(typeof DELIVERY_BY)[number]>("customer");
  const [loadBy, setLoadBy] = useState<(typeof FLOOR_BY)[number]>("line");
  const [oeeBy, setOeeBy] = useState<(typeof FLOOR_BY)[number]>("machine");
  const lookBehind = (report: Looked, by: string, key: string): void => { apply({ behind: behindText({ report, by, key }) }); };
  const slotOf = (report: Looked): { hint: string; act: (slot: Slot) => void } => ({
    hint: t("reports.hint_orders"),
    act: (slot) => { lookBehind(report, "", `${slot.first}..${slot.last}`); },
  });
  const narrowTo = { hint: t("reports.hint_zoom"), act: (slot: Slot): void => { apply({ period: "custom", from: slot.first, to: slot.last, grain: "" }); } };
  const rowOf = (report: Looked, by: string) => (row: Row): RowAction => ({ hint: t("reports.hint_orders"), act: () => { lookBehind(report, by, row.key); } });
  const place = (by: string) => (row: Row): RowAction => {
    if (by === "machine") {
      return { hint: t("reports.hint_stops"), act: () => { void navigate({ to: "/reports/stops", search: { machine: row.key, day: query.to < today ? query.to : today } }); } };
    }
    return by === "site" ? { hint: t("reports.hint_site"), act: () => { apply({ site: row.key, line: "" }); } } : { hint: t("reports.hint_line"), act: () => { apply({ line: row.key }); } };
  };
  const lossesBehind = (row: Row): RowAction => ({ hint: t("reports.hint_stretches"), act: () => { lookBehind("losses", "reason", row.key); } });
  return (
    <div className="report-cards">
      <TrendCard name="delivery" title={t("reports.delivery")} query={query} codes={["on_time_in_full", "fulfilment_rate"]} totals={["due_lines", "orders_on_time_in_full"]} slot={slotOf("delivery")} />
      <BarsCard name="delivery" title={t("reports.delivery_by")} query={{ ...query, by: deliveryBy }} codes={["on_time_in_full", "due_lines"]} row={rowOf("delivery", deliveryBy)} choice={<By name="delivery" value={deliveryBy} all={DELIVERY_BY} choose={setDeliveryBy} />} />
      <ParetoCard name="delay-causes" title={t("reports.delay_causes")} query={{ ...query, by: "cause" }} codes={["delay", "late_orders"]} totals={["delay", "late_orders"]} row={rowOf("delay-causes", "cause")} wide />
      <BarsCard name="lead-times" title={t("reports.lead_times")} query={{ ...query, by: "stage" }} codes={["lead_time"]} totals={["lead_time", "lead_time_median", "lead_time_p90", "order_processing_time"]} row={rowOf("lead-times", "stage")} reference={null} />
      <BarsCard name="load" title={t("reports.load")} query={{ ...query, by: loadBy }} codes={["load"]} reference={1} row={place(loadBy)} flag={(row) => ((row.figures["load"]?.value ?? 0) > 1 ? t("reports.bottleneck") : undefined)} choice={<By name="load" value={loadBy} all={FLOOR_BY} choose={setLoadBy} />} />
      <TrendCard name="oee" title={t("reports.oee")} query={query} codes={["oee", "availability", "effectiveness", "quality_ratio"]} totals={["coverage", "stops", "micro_stops"]} slot={narrowTo} />
      <StackedCard name="oee" title={t("reports.time")} query={query} codes={["availability"]} layers={TIME_LAYERS.map((code) => ({ code: `${code}_ms`, name: t(`reports.time_${code}`) }))} unit="ms" slot={narrowTo} />
      <BarsCard name="oee" title={t("reports.oee_by")} query={{ ...query, by: oeeBy }} codes={["oee", "availability", "effectiveness", "quality_ratio"]} row={place(oeeBy)} first="smallest" choice={<By name="oee" value={oeeBy} all={FLOOR_BY} choose={setOeeBy} />} />
      <ParetoCard name="losses" title={t("reports.losses")} query={{ ...query, by: "reason" }} codes={["lost_time"]} row={lossesBehind} />
      <BarsCard name="scrap" title={t("reports.scrap")} query={{ ...query, by: "item" }} codes={["scrap_cost", "scrap_ratio"]} totals={["scrap_cost", "scrap_ratio"]} instead />
      <TrendCard name="turns" title={t("reports.turns")} query={query} codes={["inventory_turns"]} totals={["inventory_turns", "inventory_days"]} slot={narrowTo} />
      <TrendCard name="forecasts" title={t("reports.forecasts")} query={query} codes={["forecast_wape", "forecast_mape", "forecast_bias"]} totals={["forecast_error"]} slot={slotOf("forecasts")} />
      <TrendCard name="service-level" title={t("reports.service_level")} query={query} codes={["service_level"]} totals={["service_level", "answers"]} slot={narrowTo} />
    </div>
  );
}
