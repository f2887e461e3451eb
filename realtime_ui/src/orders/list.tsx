import { useQueries, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState, type CSSProperties, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OrderView } from "../api/types.ts";
import { useSites } from "../app/sites.ts";
import { formatNumber, formatShortMoment, formatUnit, timeOf } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { CreateOrder } from "./create.tsx";
import type { OrderFilters } from "./filters.ts";
import { Lateness, StageBar } from "./standing.tsx";
import { riskOf } from "./words.ts";
import "./orders.css";

const route = getRouteApi("/shell/orders");
const PAGE_ROWS = 50;
/** From this priority on an order is shown as pushed in (the planning policy's default). */
const RUSH = 8;
const REFRESH_MS = 10_000;
const TYPING_MS = 250;
const SORTS = ["received", "due", "priority", "lateness"] as const;
const STATES = ["received", "under_review", "confirmed", "released", "in_production", "produced", "on_hold", "cancelled"] as const;

function usePages(filters: OrderFilters, pages: readonly number[]): { rows: (index: number) => OrderView | undefined; total: number | undefined; error: unknown; retry: () => void } {
  const results = useQueries({
    queries: pages.map((page) => ({
      queryKey: ["orders", filters, page],
      queryFn: ({ signal }: { signal: AbortSignal }) => api.orders({ ...filters, limit: PAGE_ROWS, offset: page * PAGE_ROWS }, signal),
      refetchInterval: REFRESH_MS,
    })),
  });
  const known = new Map(pages.map((page, place) => [page, results[place]?.data] as const));
  return {
    rows: (index) => known.get(Math.floor(index / PAGE_ROWS))?.items[index % PAGE_ROWS],
    total: results.map((result) => result.data?.total).find((found) => found !== undefined),
    error: results.find((result) => result.isError && result.data === undefined)?.error ?? null,
    retry: () => { results.forEach((result) => void result.refetch()); },
  };
}

export function OrdersPage(): ReactElement {
  const t = useT();
  const filters = route.useSearch();
  const mayOrder = usePermission("order");
  const [creating, setCreating] = useState<"order" | "rush" | null>(null);
  return (
    <div className="orders">
      <div className="orders-head">
        <h1>{t("orders.title")}</h1>
        {mayOrder && (
          <div className="orders-actions">
            <button type="button" className="button" onClick={() => { setCreating("rush"); }} data-testid="rush-order">
              <Glyph name="late" />
              {t("orders.rush")}
            </button>
            <button type="button" className="button button-primary" onClick={() => { setCreating("order"); }}>
              <Glyph name="plus" />
              {t("orders.create")}
            </button>
          </div>
        )}
      </div>
      <Filters filters={filters} />
      <Rows key={JSON.stringify(filters)} filters={filters} />
      {creating !== null && <CreateOrder rush={creating === "rush"} close={() => { setCreating(null); }} />}
    </div>
  );
}

function Filters({ filters }: { filters: OrderFilters }): ReactElement {
  const t = useT();
  const navigate = useNavigate();
  const sites = useSites();
  const customers = useQuery({ queryKey: ["customers"], queryFn: api.customers, staleTime: 60_000 });
  const [search, setSearch] = useState(filters.search ?? "");
  const apply = (change: { [Name in keyof OrderFilters]?: string | undefined }): void => {
    const next: Record<string, string> = {};
    for (const [name, value] of Object.entries({ ...filters, ...change })) if (value !== undefined && value !== "") next[name] = value;
    void navigate({ to: "/orders", search: next, replace: true });
  };
  useEffect(() => {
    if (search === (filters.search ?? "")) return undefined;
    const timer = setTimeout(() => { apply({ search }); }, TYPING_MS);
    return () => { clearTimeout(timer); };
  });
  return (
    <form className="filters" role="search" onSubmit={(event) => { event.preventDefault(); apply({ search }); }}>
      <label>
        <span className="hidden-words">{t("orders.search")}</span>
        <input type="search" placeholder={t("orders.search")} value={search} onChange={(event) => { setSearch(event.target.value); }} />
      </label>
      <label>
        <span className="hidden-words">{t("orders.state")}</span>
        <select value={filters.state ?? ""} onChange={(event) => { apply({ state: event.target.value }); }}>
          <option value="">{t("orders.all_states")}</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {wordOf(t, "stage", state)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span className="hidden-words">{t("orders.customer")}</span>
        <select value={filters.customer ?? ""} onChange={(event) => { apply({ customer: event.target.value }); }}>
          <option value="">{t("orders.all_customers")}</option>
          {customers.data?.items.map((customer) => (
            <option key={customer.code} value={customer.code}>
              {customer.name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span className="hidden-words">{t("orders.sort")}</span>
        <select value={filters.sort ?? "received"} onChange={(event) => { apply({ sort: event.target.value === "received" ? undefined : event.target.value }); }}>
          {SORTS.map((sort) => (
            <option key={sort} value={sort}>
              {wordOf(t, "sort", sort)}
            </option>
          ))}
        </select>
      </label>
      <label className="check">
        <input type="checkbox" checked={filters.late === "true"} onChange={(event) => { apply({ late: event.target.checked ? "true" : undefined }); }} />
        <span>{t("orders.only_late")}</span>
      </label>
      {(sites.data?.items.length ?? 0) > 1 && (
        <label>
          <span className="hidden-words">{t("orders.site")}</span>
          <select value={filters.site ?? ""} onChange={(event) => { apply({ site: event.target.value }); }}>
            <option value="">{t("orders.all_sites")}</option>
            {sites.data?.items.map((site) => (
              <option key={site.code} value={site.code}>
                {site.name}
              </option>
            ))}
          </select>
        </label>
      )}
    </form>
  );
}

function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia("(max-width: 760px)").matches);
  useEffect(() => {
    const query = matchMedia("(max-width: 760px)");
    const listen = (): void => { setNarrow(query.matches); };
    query.addEventListener("change", listen);
    return () => { query.removeEventListener("change", listen); };
  }, []);
  return narrow;
}

function Rows({ filters }: { filters: OrderFilters }): ReactElement {
  const t = useT();
  const list = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const rowHeight = narrow ? 124 : 60;
  const [count, setCount] = useState(PAGE_ROWS);
  const [top, setTop] = useState(0);
  useEffect(() => {
    setTop(list.current?.offsetTop ?? 0);
  }, []);
  const virtual = useWindowVirtualizer({ count, estimateSize: () => rowHeight, overscan: 8, scrollMargin: top });
  useEffect(() => { virtual.measure(); }, [virtual, rowHeight]);
  const items = virtual.getVirtualItems();
  const first = Math.floor((items[0]?.index ?? 0) / PAGE_ROWS);
  const last = Math.floor((items.at(-1)?.index ?? 0) / PAGE_ROWS);
  const pages = useMemo(() => Array.from({ length: last - first + 1 }, (_, place) => first + place), [first, last]);
  const { rows, total, error, retry } = usePages(filters, pages);
  if (total !== undefined && total !== count) setCount(total);
  if (error !== null && total === undefined) return <Failed what={t("orders.failed")} error={error} retry={retry} />;
  if (total === 0) return <NoOrders filtered={Object.keys(filters).length > 0} />;
  return (
    <>
      <p className="order-total" aria-live="polite">
        {total === undefined ? " " : t("orders.total", { n: total })}
      </p>
      <div role="table" aria-label={t("orders.title")} aria-rowcount={total ?? -1} aria-busy={total === undefined} className="order-table">
      <div role="row" className="order-row order-columns">
        <span role="columnheader">{t("orders.number")}</span>
        <span role="columnheader">{t("orders.customer")}</span>
        <span role="columnheader">{t("orders.item")}</span>
        <span role="columnheader">{t("orders.progress")}</span>
        <span role="columnheader">{t("orders.due")}</span>
        <span role="columnheader">{t("orders.projected")}</span>
        <span role="columnheader">{t("orders.lateness")}</span>
      </div>
      <div ref={list} role="rowgroup" className="order-rows" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const order = rows(item.index);
          const style: CSSProperties = { height: rowHeight, transform: `translateY(${item.start - top}px)` };
          return order === undefined ? <RowSkeleton key={item.index} style={style} /> : <Row key={item.index} order={order} style={style} index={item.index} />;
        })}
        </div>
      </div>
    </>
  );
}

function NoOrders({ filtered }: { filtered: boolean }): ReactElement {
  const t = useT();
  if (!filtered) {
    return (
      <Empty title={t("orders.empty.title")}>
        <p>{t("orders.empty.text")}</p>
      </Empty>
    );
  }
  return (
    <Empty title={t("orders.none_match.title")}>
      <p>{t("orders.none_match.text")}</p>
      <Link to="/orders" search={{}} className="button">
        {t("orders.clear")}
      </Link>
    </Empty>
  );
}

function Row({ order, style, index }: { order: OrderView; style: CSSProperties; index: number }): ReactElement {
  const t = useT();
  const now = useNow();
  const sites = useSites();
  const zone = sites.data?.items.find((site) => site.code === order.site)?.time_zone ?? "UTC";
  const due = timeOf(order.due);
  const projected = timeOf(order.projected_end);
  const risk = riskOf(order);
  return (
    <div role="row" aria-rowindex={index + 1} className={`order-row risk-${risk}`} style={style} data-testid={`order-${order.number}`}>
      <span role="cell" className="order-number">
        <Link to="/orders/$number" params={{ number: order.number }}>
          {order.number}
        </Link>
        {(order.priority ?? 0) >= RUSH && (
          <span className="rush-mark">
            <Glyph name="late" />
            {t("orders.is_rush")}
          </span>
        )}
      </span>
      <span role="cell" className="order-customer">{order.customer}</span>
      <span role="cell" className="order-item">{order.item}</span>
      <span role="cell" className="order-progress">
        <StageBar order={order} />
        <small>
          {wordOf(t, "stage", order.state)} · {formatNumber(order.good_pieces, t.language)} / {formatNumber(order.quantity_ordered, t.language)} {formatUnit(t, order.unit, order.quantity_ordered)}
        </small>
      </span>
      <span role="cell" className="order-due"><span className="cell-label">{t("orders.due")} </span>{due === null ? "–" : formatShortMoment(t, due, now, zone)}</span>
      <span role="cell" className="order-projected">{projected === null ? "–" : formatShortMoment(t, projected, now, zone)}</span>
      <span role="cell" className="order-late">
        <Lateness order={order} />
      </span>
    </div>
  );
}

function RowSkeleton({ style }: { style: CSSProperties }): ReactElement {
  return (
    <div className="order-row" style={style} aria-hidden="true">
      {["80px", "120px", "140px", "100%", "80px", "80px", "72px"].map((width, place) => (
        <span key={place}>
          <Skeleton width={width} height="16px" />
        </span>
      ))}
    </div>
  );
}
