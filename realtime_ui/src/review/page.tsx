import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { WaitingOrder } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { ExportButton } from "../desk/export.tsx";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { Pager } from "../desk/pager.tsx";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { OrderDecisions } from "./decisions.tsx";
import { Findings } from "./findings.tsx";
import "../orders/orders.css";
import "../desk/desk.css";

const route = getRouteApi("/shell/review");
const PAGE_ROWS = 20;
const REFRESH_MS = 15_000;

/** `/review`: orders that wait for people, oldest first, each with its reasons. */
export function ReviewPage(): ReactElement {
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="320px" />}>
      <Waiting />
    </DeskWords>
  );
}

function Waiting(): ReactElement {
  const t = useDesk();
  const { code, page = 0 } = route.useSearch();
  const queries = useQueryClient();
  const waiting = useQuery({
    queryKey: ["review", code, page],
    queryFn: () => api.underReview({ code, limit: PAGE_ROWS, offset: page * PAGE_ROWS }),
    refetchInterval: REFRESH_MS,
  });
  const after = (): Promise<unknown> => Promise.all([queries.invalidateQueries({ queryKey: ["review"] }), queries.invalidateQueries({ queryKey: ["orders"] }), queries.invalidateQueries({ queryKey: ["order-count"] })]);
  const codes = Object.entries(waiting.data?.codes ?? {}).sort((left, right) => right[1] - left[1]);
  return (
    <div className="desk">
      <header>
        <h1>{t("review.title")}</h1>
        <p className="faint">{t("review.text")}</p>
      </header>
      {codes.length > 0 && (
        <nav aria-label={t("review.reasons")}>
          <ul className="chips">
            <li>
              <Link to="/review" search={{}} className="chip" activeOptions={{ exact: true, includeSearch: true }}>
                {t("review.all")}
              </Link>
            </li>
            {codes.map(([name, n]) => (
              <li key={name}>
                <Link to="/review" search={{ code: name }} className="chip" activeOptions={{ exact: true, includeSearch: true }}>
                  {wordOf(t, "finding_name", name)} <strong>{n}</strong>
                </Link>
              </li>
            ))}
          </ul>
        </nav>
      )}
      {waiting.isError && waiting.data === undefined ? (
        <Failed what={t("review.failed")} error={waiting.error} retry={() => void waiting.refetch()} />
      ) : waiting.data === undefined ? (
        <Skeleton width="100%" height="240px" />
      ) : waiting.data.items.length === 0 ? (
        <Empty title={t("review.empty.title")}>
          <p>{t("review.empty.text")}</p>
        </Empty>
      ) : (
        <>
          <div className="list-head">
            <p className="faint" aria-live="polite">{t("orders.total", { n: waiting.data.total })}</p>
            <ExportButton
              name="review"
              headings={[t("orders.number"), t("orders.customer"), t("orders.item"), t("field.quantity"), t("field.unit"), t("orders.due"), t("review.reasons")]}
              load={(rows) => api.underReview({ code, ...rows })}
              cells={({ order, findings }) => [order.number, order.customer, order.item, order.quantity_ordered, order.unit, order.due, findings.map((finding) => wordOf(t, "finding_name", finding.code)).join(", ")]}
            />
          </div>
          <ul className="cards">
            {waiting.data.items.map((each) => (
              <WaitingCard key={each.order.number} waiting={each} after={after} />
            ))}
          </ul>
          <Pager total={waiting.data.total} rows={PAGE_ROWS} page={page} to={(next) => ({ to: "/review", search: { ...(code === undefined ? {} : { code }), ...(next === 0 ? {} : { page: next }) } })} />
        </>
      )}
    </div>
  );
}

function WaitingCard({ waiting: { order, findings }, after }: { waiting: WaitingOrder; after: () => Promise<unknown> }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(order.site);
  const received = timeOf(order.received);
  const due = timeOf(order.due);
  return (
    <li className="card" data-testid={`review-${order.number}`}>
      <div className="card-head">
        <div>
          <h2>
            <Link to="/orders/$number" params={{ number: order.number }}>
              {order.number}
            </Link>{" "}
            <span className="faint">{order.customer}</span>
          </h2>
          <p className="faint">
            {order.item} · {formatNumber(order.quantity_ordered, t.language)} {formatUnit(t, order.unit, order.quantity_ordered)} · {due === null ? t("order.no_due") : t("order.due", { date: formatMoment(t, due, now, zone) })}
            {received !== null && <> · {t("review.received", { time: formatMoment(t, received, now, zone) })}</>}
          </p>
        </div>
        <div className="actions">
          <OrderDecisions order={order} errors={findings.filter((finding) => finding.severity === "error").length} after={after} />
        </div>
      </div>
      {findings.length === 0 ? <p>{t("review.no_finding")}</p> : <Findings number={order.number} site={order.site} findings={findings} after={after} />}
    </li>
  );
}
