import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OwnOrderSummary, TrackingView } from "../api/types.ts";
import { Contacts } from "../contacts/list.tsx";
import { ownContacts } from "../contacts/source.ts";
import { ExportButton } from "../desk/export.tsx";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { Pager } from "../desk/pager.tsx";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useChannel, useEntry } from "../live/react.tsx";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import "../orders/orders.css";
import "../desk/desk.css";

const list = getRouteApi("/shell/own");
const PAGE_ROWS = 50;
/** Each order on the page tells its changes itself; this finds those that are new. */
const REFRESH_MS = 60_000;
const TYPING_MS = 250;
/** A customer reads the clock on their own wall. */
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** `/own`: a customer's own orders. */
export function OwnOrdersPage(): ReactElement {
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="320px" />}>
      <OwnOrders />
    </DeskWords>
  );
}

function OwnOrders(): ReactElement {
  const t = useDesk();
  const navigate = useNavigate();
  const { search, open, page = 0 } = list.useSearch();
  const [typed, setTyped] = useState(search ?? "");
  const apply = (change: { search?: string; open?: string }): void => {
    const next = Object.fromEntries(Object.entries({ ...(search === undefined ? {} : { search }), ...(open === undefined ? {} : { open }), ...change }).filter(([, value]) => value !== ""));
    void navigate({ to: "/own", search: next, replace: true });
  };
  useEffect(() => {
    if (typed === (search ?? "")) return undefined;
    const timer = setTimeout(() => { apply({ search: typed }); }, TYPING_MS);
    return () => { clearTimeout(timer); };
  });
  const orders = useQuery({ queryKey: ["own-orders", search, open, page], queryFn: () => api.ownOrders({ search, open, limit: PAGE_ROWS, offset: page * PAGE_ROWS }), refetchInterval: REFRESH_MS });
  return (
    <div className="desk">
      <header>
        <h1>{t("own.title")}</h1>
      </header>
      <form className="filters" role="search" onSubmit={(event) => { event.preventDefault(); apply({ search: typed }); }}>
        <label>
          <span className="hidden-words">{t("own.search")}</span>
          <input type="search" placeholder={t("own.search")} value={typed} onChange={(event) => { setTyped(event.target.value); }} />
        </label>
        <label className="check">
          <input type="checkbox" checked={open === "true"} onChange={(event) => { apply({ open: event.target.checked ? "true" : "" }); }} />
          <span>{t("own.open")}</span>
        </label>
      </form>
      {orders.isError && orders.data === undefined ? (
        <Failed what={t("orders.failed")} error={orders.error} retry={() => void orders.refetch()} />
      ) : orders.data === undefined ? (
        <Skeleton width="100%" height="240px" />
      ) : orders.data.items.length === 0 ? (
        <Empty title={t(search === undefined && open === undefined ? "own.empty.title" : "orders.none_match.title")}>
          <p>{t(search === undefined && open === undefined ? "own.empty.text" : "orders.none_match.text")}</p>
        </Empty>
      ) : (
        <>
          <div className="list-head">
            <p className="faint" aria-live="polite">{t("orders.total", { n: orders.data.total })}</p>
            <ExportButton
              name="orders"
              headings={[t("orders.number"), t("field.customer_reference"), t("orders.item"), t("orders.state"), "%", t("order.good"), t("field.quantity"), t("field.unit"), t("orders.due"), t("own.expected_at")]}
              load={(rows) => api.ownOrders({ search, open, ...rows })}
              cells={(order) => [order.number, order.reference, order.item, wordOf(t, "stage", order.stage), order.percent, order.good_pieces, order.quantity_ordered, order.unit, order.due, order.expected]}
            />
          </div>
          <ul className="cards" data-testid="own-orders">
            {orders.data.items.map((order) => (
              <OwnCard key={order.number} listed={order} />
            ))}
          </ul>
          <Pager total={orders.data.total} rows={PAGE_ROWS} page={page} to={(next) => ({ to: "/own", search: { ...(search === undefined ? {} : { search }), ...(open === undefined ? {} : { open }), page: next } })} />
        </>
      )}
      <Contacts source={ownContacts} />
    </div>
  );
}

/** An order in the list; what changes is told live. */
function OwnCard({ listed }: { listed: OwnOrderSummary }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const live = useEntry<TrackingView>(useChannel(`own:${listed.number}`), "order");
  const order = live ?? listed;
  const expected = timeOf(order.expected);
  const due = timeOf(order.due);
  return (
    <li className="card card-link" data-testid={`own-${order.number}`}>
      <div className="card-head">
        <div>
          <h2>
            <Link to="/own/$number" params={{ number: order.number }}>
              {order.number}
            </Link>{" "}
            {order.reference != null && <span className="faint">{order.reference}</span>}
          </h2>
          <p>
            {order.item} · {formatNumber(order.quantity_ordered, t.language)} {formatUnit(t, order.unit, order.quantity_ordered)}
          </p>
        </div>
        <div className="own-standing">
          <p>
            <strong>{wordOf(t, "stage", order.stage)}</strong> · {t("tile.percent", { percent: order.percent })}
          </p>
          <p className="faint">{order.stage === "cancelled" ? "" : expected !== null ? t("own.expected", { date: formatMoment(t, expected, now, ZONE) }) : due !== null ? t("order.due", { date: formatMoment(t, due, now, ZONE) }) : t("order.no_projection")}</p>
        </div>
      </div>
      <Meter percent={order.percent} label={order.number} />
    </li>
  );
}

/** How much of an order is made. */
export function Meter({ percent, label }: { percent: number; label: string }): ReactElement {
  return (
    <div className="meter" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <span style={{ transform: `scaleX(${Math.min(100, percent) / 100})` }} />
    </div>
  );
}
