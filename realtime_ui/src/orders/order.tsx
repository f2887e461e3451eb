import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OrderDetails, OrderView } from "../api/types.ts";
import { useMachineName } from "../app/machines.ts";
import { useZone } from "../app/sites.ts";
import { formatDuration, formatMoment, formatNumber, formatUnit, formatZone, timeOf, zoneDiffers } from "../i18n/format.ts";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { Table } from "../desk/table.tsx";
import { wordOf } from "../i18n/translator.ts";
import { useChannel, useEntry, useStaleness } from "../live/react.tsx";
import { useNow, useSeconds } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Failed, Skeleton } from "../ui/states.tsx";
import { OrderActions } from "./actions.tsx";
import { Deliveries } from "./deliveries.tsx";
import { Documents, Events, OpenFindings, Parties, Reserved } from "./record.tsx";
import { Operations } from "./operations.tsx";
import { Rearrangements } from "./rearrangements.tsx";
import { Lateness } from "./standing.tsx";
import { WhyLate } from "./whylate.tsx";
import { riskOf, waitsForWords } from "./words.ts";
import "./orders.css";

const route = getRouteApi("/shell/orders/$number");

export function OrderPage(): ReactElement {
  const { number } = route.useParams();
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="320px" />}>
      <LiveOrder key={number} />
    </DeskWords>
  );
}

function LiveOrder(): ReactElement {
  const t = useDesk();
  const { number } = route.useParams();
  const queries = useQueryClient();
  const details = useQuery({ queryKey: ["order", number], queryFn: () => api.order(number) });
  const channel = useChannel(`order:${number}`);
  const live = useEntry<OrderView>(channel, "order");
  const changed = live?.changed;
  useEffect(() => {
    // Somebody changed the order: its version, pegs and history are read again.
    if (changed === undefined) return;
    void queries.invalidateQueries({ queryKey: ["order", number] });
    void queries.invalidateQueries({ queryKey: ["order-events", number] });
    void queries.invalidateQueries({ queryKey: ["order-timeline", number] });
    void queries.invalidateQueries({ queryKey: ["findings", number] });
  }, [changed, queries, number]);
  useEffect(() => {
    document.title = `${number} – gemba`;
    return () => { document.title = "gemba"; };
  }, [number]);
  if (details.isError && details.data === undefined) {
    return <Failed what={t("order.failed", { number })} error={details.error} retry={() => void details.refetch()} />;
  }
  if (details.data === undefined) return <OrderSkeleton number={number} />;
  const order = live ?? details.data;
  return (
    <article className="order">
      <Head order={order} details={details.data} />
      <Answers order={order} />
      <OpenFindings details={details.data} />
      <WhyLate order={order} />
      <Timeline order={order} details={details.data} />
      <Deliveries order={order} />
      <Operations channel={channel} fallback={details.data.operations} site={order.site} />
      <Lines order={order} details={details.data} />
      <Rearrangements details={details.data} />
      <Reserved number={number} site={order.site} />
      <Parties parties={details.data.parties} />
      <Documents number={number} site={order.site} />
      <Events number={number} site={order.site} />
    </article>
  );
}

function Head({ order, details }: { order: OrderView; details: OrderDetails }): ReactElement {
  const t = useDesk();
  return (
    <header className="order-head">
      <div>
        <p className="crumbs">
          <Link to="/orders">{t("orders.title")}</Link>
        </p>
        <h1>{order.number}</h1>
        <p className="faint">
          {order.customer}
          {details.customer_reference !== null && <> · {t("order.reference", { reference: details.customer_reference })}</>} · {order.item}
        </p>
      </div>
      <OrderActions order={order} details={details} />
    </header>
  );
}

/** Where it is, when it will be there, what it waits for. */
function Answers({ order }: { order: OrderView }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const seconds = useSeconds();
  const age = useStaleness(seconds);
  const zone = useZone(order.site);
  const due = timeOf(order.due);
  const end = timeOf(order.projected_end);
  const planned = timeOf(order.planned_end ?? null);
  const waits = waitsForWords(t, order.waits_for, useMachineName());
  return (
    <section className={`answers${age === null ? "" : " is-stale"}`} aria-label={t("order.summary")}>
      {age !== null && (
        <p className="answers-stale" role="alert" data-testid="stale">
          {t("stale.band", { age: formatDuration(t, age) })}
        </p>
      )}
      <div className="answer">
        <h2>{t("order.where")}</h2>
        <p className="answer-main" data-testid="order-stage">{wordOf(t, "stage", order.state)}</p>
        <p>
          <strong key={order.good_pieces} className="changed" data-testid="order-good">
            {formatNumber(order.good_pieces, t.language)}
          </strong>{" "}
          / {formatNumber(order.quantity_ordered, t.language)} {formatUnit(t, order.unit, order.quantity_ordered)} · <span data-testid="order-percent">{t("tile.percent", { percent: order.percent })}</span>
          {order.scrap_pieces > 0 && <> · {t("order.scrap", { scrap: formatNumber(order.scrap_pieces, t.language) })}</>}
        </p>
      </div>
      <div className={`answer risk-${riskOf(order)}`}>
        <h2>{t("order.when")}</h2>
        <p className="answer-main" data-testid="order-projected">{end === null ? t(order.state === "produced" ? "order.is_done" : order.state === "cancelled" ? "order.never" : "order.no_projection") : formatMoment(t, end, now, zone)}</p>
        <p>
          {due === null ? t("order.no_due") : t("order.due", { date: formatMoment(t, due, now, zone) })} <Lateness order={order} />
        </p>
        {planned !== null && end !== null && Math.abs(planned - end) > 60_000 && <p className="faint">{t("order.planned", { date: formatMoment(t, planned, now, zone) })}</p>}
        {zoneDiffers(zone, now) && <p className="faint">{t("order.zone", { zone: formatZone(zone, now, t.language) })}</p>}
      </div>
      <div className="answer">
        <h2>{t("order.waits")}</h2>
        <p className="answer-main">{waits ?? (order.state === "cancelled" || order.state === "produced" ? t("order.waits_ended") : t("order.waits_nothing"))}</p>
      </div>
    </section>
  );
}

const WAY = ["received", "confirmed", "scheduled", "in_production", "produced", "packed", "shipped"] as const;

/** Stages in which all of it has been made, and those that are over once they are reached. */
const PRODUCED: ReadonlySet<string> = new Set(["produced", "packed", "shipped", "delivered"]);
const ENDED: ReadonlySet<string> = new Set(["produced", "packed", "shipped"]);

function lastOf(times: (string | null)[] | undefined): string | null {
  return (times ?? []).filter((at) => at !== null).sort().at(-1) ?? null;
}

function Timeline({ order, details }: { order: OrderView; details: OrderDetails }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(order.site);
  const cancelled = order.stage === "cancelled";
  const way: readonly string[] = cancelled ? ["received", "cancelled"] : WAY;
  const here = Math.max(0, way.indexOf(order.stage));
  const lines = order.lines;
  const events = useQuery({ queryKey: ["order-events", order.number], queryFn: () => api.orderEvents(order.number) }).data?.items ?? [];
  const released = events.find((entry) => entry.action === "OrderReleased")?.at ?? null;
  const known: Record<string, string | null> = {
    received: details.received,
    confirmed: events.find((entry) => entry.action === "OrderConfirmed")?.at ?? released,
    scheduled: released,
    in_production: lines.map((line) => line.started).filter((at) => at !== null).sort()[0] ?? null,
    produced: PRODUCED.has(order.stage) ? (lines.map((line) => line.produced).filter((at) => at !== null).sort().at(-1) ?? null) : null,
    packed: lastOf(order.deliveries?.map((delivery) => delivery.packed_at)),
    shipped: lastOf(order.deliveries?.map((delivery) => delivery.shipped_at)),
    cancelled: cancelled ? order.changed : null,
  };
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline" className="section">
        {t("order.timeline")}
      </h2>
      <ol className="timeline">
        {way.map((stage, place) => {
          const at = timeOf(known[stage] ?? null);
          const state = place < here || (place === here && ENDED.has(order.stage)) ? "done" : place === here ? "current" : "ahead";
          return (
            <li key={stage} className={`step step-${state}`} aria-current={state === "current" ? "step" : undefined}>
              <span className="step-mark">{state === "done" && <Glyph name="completed" />}</span>
              <span className="step-word">{wordOf(t, "stage", stage)}</span>
              <span className="step-time">{at !== null && place <= here ? formatMoment(t, at, now, zone) : stage === "in_production" && state === "current" ? t("tile.percent", { percent: order.percent }) : " "}</span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Lines({ order, details }: { order: OrderView; details: OrderDetails }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(order.site);
  return (
    <section aria-labelledby="lines">
      <h2 id="lines" className="section">
        {t("order.lines")}
      </h2>
      <Table
        label={t("order.lines")}
        columns={[
          { key: "number", label: t("order.line") },
          { key: "item", label: t("orders.item"), title: true },
          { key: "state", label: t("orders.state") },
          { key: "good", label: t("order.good"), number: true },
          { key: "scrap", label: t("order.scrap_short"), number: true },
          { key: "due", label: t("orders.due") },
          { key: "made", label: t("order.made_by") },
        ]}
        rows={order.lines.map((line) => {
          const due = timeOf(line.due);
          const pegs = details.pegs.filter((peg) => peg.line === line.number);
          return {
            key: String(line.number),
            cells: [
              line.number,
              line.item_name,
              wordOf(t, "stage", line.state),
              `${formatNumber(line.good_pieces, t.language)} / ${formatNumber(line.quantity, t.language)} ${formatUnit(t, line.unit, line.quantity)}`,
              formatNumber(line.scrap_pieces, t.language),
              due === null ? "–" : formatMoment(t, due, now, zone),
              pegs.length === 0 ? t("order.no_peg") : pegs.map((peg) => t("order.peg", { work_order: peg.work_order, quantity: formatNumber(peg.quantity, t.language) })).join(", "),
            ],
          };
        })}
      />
    </section>
  );
}

function OrderSkeleton({ number }: { number: string }): ReactElement {
  const t = useDesk();
  return (
    <article className="order" aria-busy="true">
      <p className="hidden-words">{t("state.loading")}</p>
      <header className="order-head">
        <div>
          <h1>{number}</h1>
          <Skeleton width="280px" height="20px" />
        </div>
      </header>
      <section className="answers">
        {[0, 1, 2].map((place) => (
          <div key={place} className="answer">
            <Skeleton width="40%" height="16px" />
            <Skeleton width="70%" height="32px" />
            <Skeleton width="60%" height="20px" />
          </div>
        ))}
      </section>
      <Skeleton width="100%" height="64px" />
      <Skeleton width="100%" height="160px" />
    </article>
  );
}
