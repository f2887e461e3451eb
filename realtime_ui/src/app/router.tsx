import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import type { OrderFilters } from "../orders/filters.ts";
import type { Looks } from "../plan/gantt/gantt.tsx";
import { LoginPage } from "../session/login.tsx";
import { HomePage, Shell } from "./shell.tsx";
import { Broken, Missing } from "./trouble.tsx";

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined);

const root = createRootRoute({ component: Outlet, notFoundComponent: Missing });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  component: LoginPage,
  validateSearch: (search): { next?: string } => {
    const next = text(search["next"]);
    return next === undefined ? {} : { next };
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
  validateSearch: (search): OrderFilters => {
    const filters: OrderFilters = {};
    for (const name of ["site", "state", "customer", "search", "sort", "late"] as const) {
      const value = text(search[name]);
      if (value !== undefined) filters[name] = value;
    }
    return filters;
  },
});

const order = createRoute({
  getParentRoute: () => shell,
  path: "/orders/$number",
  component: lazyRouteComponent(() => import("../orders/order.tsx"), "OrderPage"),
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
  routeTree: root.addChildren([login, shell.addChildren([home, floor, orders, order, plan, planHistory, planVersion, terminal, deadLetters])]),
  defaultPreload: "intent",
  defaultErrorComponent: Broken,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
