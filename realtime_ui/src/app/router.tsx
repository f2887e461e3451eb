import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { filtersOf, type OrderFilters } from "../orders/filters.ts";
import { masterSearchOf, type MasterSearch } from "../masterdata/kinds.ts";
import type { Looks } from "../plan/gantt/gantt.tsx";
import { outboundSearchOf, type OutboundSearch } from "../outbound/search.ts";
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
  validateSearch: (search): { wall?: 1 } => (search["wall"] === 1 || search["wall"] === "1" ? { wall: 1 } : {}),
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
  validateSearch: (search): Looks & { scope?: string } => {
    // A site's own name finds the scope that it is planned in.
    const scope = text(search["scope"]) ?? text(search["site"]);
    const lit = text(search["order"]);
    return {
      ...(scope === undefined ? {} : { scope }),
      ...(lit === undefined ? {} : { order: lit }),
      ...(search["rows"] === "order" ? { rows: "order" } : {}),
      ...(search["colour"] === "lateness" ? { colour: "lateness" } : {}),
      ...(search["form"] === "table" ? { form: "table" } : {}),
    };
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
  routeTree: root.addChildren([login, shell.addChildren([home, floor, orders, order, review, importing, promise, stock, outbound, masterData, own, ownOrder, plan, planHistory, planVersion, terminal, deadLetters])]),
  defaultPreload: "intent",
  defaultErrorComponent: Broken,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
