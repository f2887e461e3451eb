import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { Pager } from "../desk/pager.tsx";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import "../orders/orders.css";
import "../desk/desk.css";

const list = getRouteApi("/shell/own");
const one = getRouteApi("/shell/own/$number");
const PAGE_ROWS = 50;
const REFRESH_MS = 15_000;
const TYPING_MS = 250;
/** A customer reads the clock on their own wall. */
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

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
  const now = useNow();
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
          <ul className="cards" data-testid="own-orders">
            {orders.data.items.map((order) => {
              const expected = timeOf(order.expected);
              const due = timeOf(order.due);
              return (
                <li key={order.number} className="card">
                  <div className="card-head">
                    <div>
                      <h2>
                        <Link to="/own/$number" params={{ number: order.number }}>
                          {order.number}
                        </Link>{" "}
                        {order.reference !== null && <span className="faint">{order.reference}</span>}
                      </h2>
                      <p>
                        {order.item} · {formatNumber(order.quantity_ordered, t.language)} {formatUnit(t, order.unit, order.quantity_ordered)}
                      </p>
                    </div>
                    <div>
                      <p>
                        <strong>{wordOf(t, "stage", order.stage)}</strong> · {t("tile.percent", { percent: order.percent })}
                      </p>
                      <p className="faint">{expected !== null ? t("own.expected", { date: formatMoment(t, expected, now, ZONE) }) : due !== null ? t("order.due", { date: formatMoment(t, due, now, ZONE) }) : t("order.no_projection")}</p>
                    </div>
                  </div>
                </li>
              );
            })}
          </ul>
          <Pager total={orders.data.total} rows={PAGE_ROWS} page={page} to={(next) => ({ to: "/own", search: { ...(search === undefined ? {} : { search }), ...(open === undefined ? {} : { open }), page: next } })} />
        </>
      )}
    </div>
  );
}

/** `/own/<number>`: one of a customer's own orders. */
export function OwnOrderPage(): ReactElement {
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="320px" />}>
      <OneOrder />
    </DeskWords>
  );
}

function OneOrder(): ReactElement {
  const t = useDesk();
  const now = useNow();
  const { number } = one.useParams();
  const order = useQuery({ queryKey: ["own-order", number], queryFn: () => api.ownOrder(number), refetchInterval: REFRESH_MS });
  if (order.isError && order.data === undefined) return <Failed what={t("order.failed", { number })} error={order.error} retry={() => void order.refetch()} />;
  if (order.data === undefined) return <Skeleton width="100%" height="240px" />;
  const { data } = order;
  const expected = timeOf(data.expected);
  const due = timeOf(data.due);
  return (
    <article className="order">
      <header>
        <p className="crumbs">
          <Link to="/own">{t("own.title")}</Link>
        </p>
        <h1>{data.number}</h1>
        <p className="faint">{data.reference !== null && t("order.reference", { reference: data.reference })}</p>
      </header>
      <section className="answers" aria-label={t("order.summary")}>
        <div className="answer">
          <h2>{t("order.where")}</h2>
          <p className="answer-main">{wordOf(t, "stage", data.stage)}</p>
          <p>{t("tile.percent", { percent: data.percent })}</p>
        </div>
        <div className="answer">
          <h2>{t("order.when")}</h2>
          <p className="answer-main">{expected === null ? t("order.no_projection") : formatMoment(t, expected, now, ZONE)}</p>
          <p>{due === null ? t("order.no_due") : t("order.due", { date: formatMoment(t, due, now, ZONE) })}</p>
        </div>
      </section>
      <section aria-labelledby="own-lines">
        <h2 id="own-lines" className="section">
          {t("order.lines")}
        </h2>
        <div className="scroll-x" role="region" aria-labelledby="own-lines" tabIndex={0}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{t("order.line")}</th>
                <th scope="col">{t("orders.item")}</th>
                <th scope="col">{t("orders.state")}</th>
                <th scope="col" className="number">{t("order.good")}</th>
                <th scope="col" className="number">{t("own.shipped")}</th>
                <th scope="col">{t("orders.due")}</th>
              </tr>
            </thead>
            <tbody>
              {data.lines.map((line) => {
                const wanted = timeOf(line.due);
                return (
                  <tr key={line.number}>
                    <td>{line.number}</td>
                    <td>{line.item_name}</td>
                    <td>{wordOf(t, "stage", line.stage)}</td>
                    <td className="number">
                      {formatNumber(line.good_pieces, t.language)} / {formatNumber(line.quantity, t.language)} {formatUnit(t, line.unit, line.quantity)}
                    </td>
                    <td className="number">{formatNumber(line.shipped, t.language)}</td>
                    <td>{wanted === null ? "–" : formatMoment(t, wanted, now, ZONE)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </section>
    </article>
  );
}
