import { useQueries } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OrderView } from "../api/types.ts";
import { useSites } from "../app/sites.ts";
import { formatNumber, formatShortMoment, formatUnit, timeOf } from "../i18n/format.ts";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { CreateOrder } from "./create.tsx";
import { BulkBar } from "./bulk.tsx";
import { Counts } from "./counts.tsx";
import { Filters } from "./filterform.tsx";
import { bodyOf, queryOf, type OrderFilters } from "./filters.ts";
import { useNarrow } from "../ui/narrow.ts";
import { SavedViewsMenu } from "./saved.tsx";
import { extend, NOTHING, pressed, toggle, type NumberAt, type Selection } from "./selection.ts";
import { Lateness, StageBar } from "./standing.tsx";
import { riskOf } from "./words.ts";
import "./orders.css";

const route = getRouteApi("/shell/orders");
const PAGE_ROWS = 50;
/** From this priority on an order is shown as pushed in (the planning policy's default). */
const RUSH = 8;
const REFRESH_MS = 10_000;

function usePages(filters: OrderFilters, zone: string, pages: readonly number[]): { rows: (index: number) => OrderView | undefined; total: number | undefined; error: unknown; retry: () => void } {
  const results = useQueries({
    queries: pages.map((page) => ({
      queryKey: ["orders", filters, zone, page],
      queryFn: ({ signal }: { signal: AbortSignal }) => api.orders({ ...queryOf(filters, zone), limit: PAGE_ROWS, offset: page * PAGE_ROWS }, signal),
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
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="320px" />}>
      <Orders />
    </DeskWords>
  );
}

function Orders(): ReactElement {
  const t = useDesk();
  const filters = route.useSearch();
  const mayOrder = usePermission("order");
  const sites = useSites();
  const zone = (sites.data?.items.find((site) => site.code === filters.site) ?? sites.data?.items[0])?.time_zone ?? "UTC";
  const [creating, setCreating] = useState<"order" | "rush" | null>(null);
  const exported = { ...queryOf(filters, zone), sort: undefined };
  return (
    <div className="orders">
      <div className="orders-head">
        <h1>{t("orders.title")}</h1>
        <div className="orders-actions">
          <a className="button button-quiet" href={api.exportAddress(exported, "csv")} download data-testid="export-csv">
            CSV
          </a>
          <a className="button button-quiet" href={api.exportAddress(exported, "xlsx")} download data-testid="export-xlsx">
            XLSX
          </a>
          {mayOrder && (
            <>
              <button type="button" className="button" onClick={() => { setCreating("rush"); }} data-testid="rush-order">
                <Glyph name="late" />
                {t("orders.rush")}
              </button>
              <button type="button" className="button button-primary" onClick={() => { setCreating("order"); }}>
                <Glyph name="plus" />
                {t("orders.create")}
              </button>
            </>
          )}
        </div>
      </div>
      <div className="orders-head">
        <Counts filters={filters} />
        <SavedViewsMenu filters={filters} zone={zone} />
      </div>
      <Filters filters={filters} />
      <Rows key={JSON.stringify(filters) + zone} filters={filters} zone={zone} mayOrder={mayOrder} />
      {creating !== null && <CreateOrder rush={creating === "rush"} close={() => { setCreating(null); }} />}
    </div>
  );
}

function Rows({ filters, zone, mayOrder }: { filters: OrderFilters; zone: string; mayOrder: boolean }): ReactElement {
  const t = useDesk();
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
  const { rows, total, error, retry } = usePages(filters, zone, pages);
  const navigate = useNavigate();
  const [selection, setSelection] = useState<Selection>(NOTHING);
  // A range may reach over pages that are not asked for any more: what was seen is remembered.
  const seen = useRef(new Map<number, string>());
  useEffect(() => {
    for (const item of items) {
      const number = rows(item.index)?.number;
      if (number !== undefined) seen.current.set(item.index, number);
    }
  });
  const at: NumberAt = (index) => rows(index)?.number ?? seen.current.get(index);
  const press = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const opened = event.key === "Enter" && selection.cursor !== null ? at(selection.cursor) : undefined;
    if (opened !== undefined) {
      void navigate({ to: "/orders/$number", params: { number: opened } });
      return;
    }
    const next = pressed(selection, event, total ?? 0, at);
    if (next === null || (!mayOrder && (next.all || next.chosen.size > 0))) return;
    event.preventDefault();
    setSelection(next);
    if (next.cursor !== null && next.cursor !== selection.cursor) virtual.scrollToIndex(next.cursor, { align: "auto" });
  };
  if (total !== undefined && total !== count) setCount(total);
  if (error !== null && total === undefined) return <Failed what={t("orders.failed")} error={error} retry={retry} />;
  if (total === 0) return <NoOrders filtered={Object.keys(filters).length > 0} />;
  return (
    <>
      <p className="order-total" aria-live="polite">
        {total === undefined ? " " : t("orders.total", { n: total })}
      </p>
      {(selection.all || selection.chosen.size > 0) && (
        <BulkBar count={selection.all ? (total ?? 0) : selection.chosen.size} chosen={selection.all ? { filter: bodyOf(filters, zone) } : { numbers: [...selection.chosen] }} clear={() => { setSelection(NOTHING); }} />
      )}
      <div
        role="grid"
        aria-label={t("orders.title")}
        aria-rowcount={total ?? -1}
        aria-multiselectable={mayOrder}
        aria-busy={total === undefined}
        aria-activedescendant={selection.cursor === null ? undefined : `order-row-${selection.cursor}`}
        className="order-table"
        tabIndex={0}
        title={t(mayOrder ? "orders.keys" : "orders.keys_read")}
        onKeyDown={press}
        data-testid="orders-grid"
      >
      <div role="row" className="order-row order-columns">
        <span role="columnheader">
          {mayOrder && (
            <label className="pick">
              <input type="checkbox" aria-label={t("bulk.all")} checked={selection.all} onChange={() => { setSelection(selection.all ? NOTHING : { ...NOTHING, all: true }); }} />
            </label>
          )}
          {t("orders.number")}
        </span>
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
          return order === undefined ? <RowSkeleton key={item.index} style={style} /> : (
            <Row
              key={item.index}
              order={order}
              style={style}
              index={item.index}
              atCursor={selection.cursor === item.index}
              chosen={selection.all || selection.chosen.has(order.number)}
              {...(mayOrder ? { choose: (range: boolean) => { setSelection(range ? extend(selection, item.index, at) : toggle(selection, item.index, at)); } } : {})}
            />
          );
        })}
        </div>
      </div>
    </>
  );
}

function NoOrders({ filtered }: { filtered: boolean }): ReactElement {
  const t = useDesk();
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

interface RowProps {
  order: OrderView;
  style: CSSProperties;
  index: number;
  atCursor: boolean;
  chosen: boolean;
  /** Missing: nothing may be done with orders. */
  choose?: (range: boolean) => void;
}

function Row({ order, style, index, atCursor, chosen, choose }: RowProps): ReactElement {
  const t = useDesk();
  const now = useNow();
  const sites = useSites();
  const zone = sites.data?.items.find((site) => site.code === order.site)?.time_zone ?? "UTC";
  const due = timeOf(order.due);
  const projected = timeOf(order.projected_end);
  const risk = riskOf(order);
  return (
    <div role="row" aria-rowindex={index + 1} id={`order-row-${index}`} aria-selected={chosen} className={`order-row risk-${risk}${chosen ? " is-chosen" : ""}${atCursor ? " is-cursor" : ""}`} style={style} data-testid={`order-${order.number}`}>
      <span role="gridcell" className="order-number">
        {choose !== undefined && (
          <label className="pick">
            <input type="checkbox" tabIndex={-1} aria-label={t("bulk.choose", { number: order.number })} checked={chosen} onChange={(event) => { choose((event.nativeEvent as MouseEvent).shiftKey); }} data-testid={`choose-${order.number}`} />
          </label>
        )}
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
      <span role="gridcell" className="order-customer">{order.customer}</span>
      <span role="gridcell" className="order-item">{order.item}</span>
      <span role="gridcell" className="order-progress">
        <StageBar order={order} />
        <small>
          {wordOf(t, "stage", order.state)} · {formatNumber(order.good_pieces, t.language)} / {formatNumber(order.quantity_ordered, t.language)} {formatUnit(t, order.unit, order.quantity_ordered)}
        </small>
      </span>
      <span role="gridcell" className="order-due"><span className="cell-label">{t("orders.due")} </span>{due === null ? "–" : formatShortMoment(t, due, now, zone)}</span>
      <span role="gridcell" className="order-projected">{projected === null ? "–" : formatShortMoment(t, projected, now, zone)}</span>
      <span role="gridcell" className="order-late">
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
