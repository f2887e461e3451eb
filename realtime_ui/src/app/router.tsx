import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from "@tanstack/react-router";
import { alarmSearchOf, historySearchOf, ratesSearchOf, rulesSearchOf, type AlarmSearch, type HistorySearch, type RatesSearch, type RulesSearch, waysSearchOf, type WaysSearch } from "../alarms/search.ts";
import { policyOf, type SoundPolicy } from "../alarms/sound.ts";
import { filtersOf, type OrderFilters } from "../orders/filters.ts";
import { masterSearchOf, type MasterSearch } from "../masterdata/kinds.ts";
import type { Looks } from "../plan/gantt/gantt.tsx";
import { outboundSearchOf, type OutboundSearch } from "../outbound/search.ts";
import { reportSearchOf, stopsSearchOf, type ReportSearch, type StopsSearch } from "../reports/search.ts";
import { stockSearchOf, type StockSearch } from "../stock/search.ts";
import { LoginPage } from "../session/login.tsx";
import { HomePage, Shell } from "./shell.tsx";
import { Broken, Missing } from "./trouble.tsx";

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined);

function pageOf(value: unknown): { page?: number } {
  const page = Number(value);
  return Number.isSafeInteger(page) && page > 0 ? { page } : {};
}

const root = createRootRoute({ component: Outlet, notFoundComponent: Missing });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  component: LoginPage,
  validateSearch: (search): { next?: string; problem?: string } => {
    const next = text(search["next"]);
    const problem = text(search["problem"]);
    return { ...(next === undefined ? {} : { next }), ...(problem === undefined ? {} : { problem }) };
  },
});

const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

const home = createRoute({ getParentRoute: () => shell, path: "/", component: HomePage });

const floor = createRoute({
  getParentRoute: () => shell,
  path: "/floor/$site",
  component: lazyRouteComponent(() => import("../floor/page.tsx"), "FloorPage"),
  validateSearch: (search): { wall?: 1; sound?: SoundPolicy } => {
    const sound = policyOf(search["sound"]);
    return { ...(search["wall"] === 1 || search["wall"] === "1" ? { wall: 1 } : {}), ...(sound === undefined ? {} : { sound }) };
  },
});

const alarms = createRoute({
  getParentRoute: () => shell,
  path: "/alarms",
  component: lazyRouteComponent(() => import("../alarms/page.tsx"), "AlarmsPage"),
  validateSearch: (search): AlarmSearch => alarmSearchOf(search),
});

/** What a letter leads to. */
const alarm = createRoute({
  getParentRoute: () => shell,
  path: "/alarms/$id",
  beforeLoad: ({ params }) => {
    const id = Number(params.id);
    redirect({ to: "/alarms", search: Number.isSafeInteger(id) && id > 0 ? { alarm: id } : {}, replace: true, throw: true });
  },
});

const alarmHistory = createRoute({
  getParentRoute: () => shell,
  path: "/alarms/history",
  component: lazyRouteComponent(() => import("../alarms/history.tsx"), "AlarmHistoryPage"),
  validateSearch: (search): HistorySearch => historySearchOf(search),
});

const alarmRates = createRoute({
  getParentRoute: () => shell,
  path: "/alarms/rates",
  component: lazyRouteComponent(() => import("../alarms/rates.tsx"), "AlarmRatesPage"),
  validateSearch: (search): RatesSearch => ratesSearchOf(search),
});

const alarmRules = createRoute({
  getParentRoute: () => shell,
  path: "/alarms/rules",
  component: lazyRouteComponent(() => import("../alarms/rules.tsx"), "AlarmRulesPage"),
  validateSearch: (search): RulesSearch => rulesSearchOf(search),
});

const alarmWays = createRoute({
  getParentRoute: () => shell,
  path: "/alarms/ways",
  component: lazyRouteComponent(() => import("../alarms/delivery.tsx"), "AlarmWaysPage"),
  validateSearch: (search): WaysSearch => waysSearchOf(search),
});

const orders = createRoute({
  getParentRoute: () => shell,
  path: "/orders",
  component: lazyRouteComponent(() => import("../orders/list.tsx"), "OrdersPage"),
  validateSearch: (search): OrderFilters => filtersOf(search),
});

const order = createRoute({
  getParentRoute: () => shell,
  path: "/orders/$number",
  component: lazyRouteComponent(() => import("../orders/order.tsx"), "OrderPage"),
});

const review = createRoute({
  getParentRoute: () => shell,
  path: "/review",
  component: lazyRouteComponent(() => import("../review/page.tsx"), "ReviewPage"),
  validateSearch: (search): { code?: string; page?: number } => {
    const code = text(search["code"]);
    return { ...(code === undefined ? {} : { code }), ...pageOf(search["page"]) };
  },
});

const importing = createRoute({
  getParentRoute: () => shell,
  path: "/import",
  component: lazyRouteComponent(() => import("../intake/page.tsx"), "ImportPage"),
});

const promise = createRoute({
  getParentRoute: () => shell,
  path: "/promise",
  component: lazyRouteComponent(() => import("../promise/page.tsx"), "PromisePage"),
});

const stock = createRoute({
  getParentRoute: () => shell,
  path: "/stock",
  component: lazyRouteComponent(() => import("../stock/page.tsx"), "StockPage"),
  validateSearch: (search): StockSearch => stockSearchOf(search),
});

const outbound = createRoute({
  getParentRoute: () => shell,
  path: "/outbound",
  component: lazyRouteComponent(() => import("../outbound/page.tsx"), "OutboundPage"),
  validateSearch: (search): OutboundSearch => outboundSearchOf(search),
});

const masterData = createRoute({
  getParentRoute: () => shell,
  path: "/master-data",
  component: lazyRouteComponent(() => import("../masterdata/page.tsx"), "MasterDataPage"),
  validateSearch: (search): MasterSearch => masterSearchOf(search),
});

const own = createRoute({
  getParentRoute: () => shell,
  path: "/own",
  component: lazyRouteComponent(() => import("../own/page.tsx"), "OwnOrdersPage"),
  validateSearch: (search): { search?: string; open?: string; page?: number } => {
    const said = text(search["search"]);
    return { ...(said === undefined ? {} : { search: said }), ...(String(search["open"]) === "true" ? { open: "true" } : {}), ...pageOf(search["page"]) };
  },
});

const ownOrder = createRoute({
  getParentRoute: () => shell,
  path: "/own/$number",
  component: lazyRouteComponent(() => import("../own/order.tsx"), "OwnOrderPage"),
});

const plan = createRoute({
  getParentRoute: () => shell,
  path: "/plan",
  component: lazyRouteComponent(() => import("../plan/page.tsx"), "PlanPage"),
  validateSearch: (search): Looks & { scope?: string; why?: string; draft?: number } => {
    // A site's own name finds the scope that it is planned in.
    const scope = text(search["scope"]) ?? text(search["site"]);
    const lit = text(search["order"]);
    const why = text(search["why"]);
    const draft = Number(search["draft"]);
    return {
      ...(why === undefined ? {} : { why }),
      ...(Number.isSafeInteger(draft) && draft > 0 ? { draft } : {}),
      ...(scope === undefined ? {} : { scope }),
      ...(lit === undefined ? {} : { order: lit }),
      ...(search["rows"] === "order" || search["rows"] === "resource" ? { rows: search["rows"] } : {}),
      ...(search["colour"] === "lateness" ? { colour: "lateness" } : {}),
      ...(search["form"] === "table" ? { form: "table" } : {}),
    };
  },
});

const planCompare = createRoute({
  getParentRoute: () => shell,
  path: "/plan/compare",
  component: lazyRouteComponent(() => import("../plan/whatif/compare.tsx"), "ComparePage"),
  validateSearch: (search): { scope?: string; ids?: string } => {
    const scope = text(search["scope"]);
    const ids = text(search["ids"]);
    return { ...(scope === undefined ? {} : { scope }), ...(ids === undefined ? {} : { ids }) };
  },
});

const planHistory = createRoute({
  getParentRoute: () => shell,
  path: "/plan/history",
  component: lazyRouteComponent(() => import("../plan/history.tsx"), "HistoryPage"),
  validateSearch: (search): { scope?: string } => {
    const scope = text(search["scope"]);
    return scope === undefined ? {} : { scope };
  },
});

const planVersion = createRoute({
  getParentRoute: () => shell,
  path: "/plan/history/$id",
  component: lazyRouteComponent(() => import("../plan/version.tsx"), "VersionPage"),
});

const reports = createRoute({
  getParentRoute: () => shell,
  path: "/reports",
  component: lazyRouteComponent(() => import("../reports/page.tsx"), "ReportsPage"),
  validateSearch: (search): ReportSearch => reportSearchOf(search),
});

const reportStops = createRoute({
  getParentRoute: () => shell,
  path: "/reports/stops",
  component: lazyRouteComponent(() => import("../reports/stops.tsx"), "StopsPage"),
  validateSearch: (search): StopsSearch => stopsSearchOf(search),
});

const reportSchedules = createRoute({
  getParentRoute: () => shell,
  path: "/reports/schedules",
  component: lazyRouteComponent(() => import("../reports/schedules.tsx"), "SchedulesPage"),
});

const terminal = createRoute({
  getParentRoute: () => shell,
  path: "/terminal/$",
  component: lazyRouteComponent(() => import("../terminal/page.tsx"), "TerminalPage"),
});

const deadLetters = createRoute({
  getParentRoute: () => shell,
  path: "/dead-letters",
  component: lazyRouteComponent(() => import("../deadletters/page.tsx"), "DeadLettersPage"),
  validateSearch: (search): { site?: string } => {
    const site = text(search["site"]);
    return site === undefined ? {} : { site };
  },
});

export const router = createRouter({
  routeTree: root.addChildren([login, shell.addChildren([home, floor, alarms, alarm, alarmHistory, alarmRates, alarmRules, alarmWays, orders, order, review, importing, promise, stock, outbound, masterData, own, ownOrder, plan, planCompare, planHistory, planVersion, reports, reportStops, reportSchedules, terminal, deadLetters])]),
  defaultPreload: "intent",
  defaultErrorComponent: Broken,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
