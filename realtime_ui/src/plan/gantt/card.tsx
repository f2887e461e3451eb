import { Link } from "@tanstack/react-router";
import { useLayoutEffect, useSyncExternalStore, type ReactElement } from "react";
import { formatMoment, formatNumber, formatShortMoment, timeOf } from "../../i18n/format.ts";
import { wordOf } from "../../i18n/translator.ts";
import { Glyph } from "../../ui/glyph.tsx";
import { StateBadge } from "../../ui/states.tsx";
import type { PlanStore } from "../store.ts";
import { LatenessMark } from "../lateness.tsx";
import { operationWords, type Telling } from "../words.ts";
import { hasStarted, lowerMachine, lowerSpan, type Bar, type Span } from "./bars.ts";
import { chainOf } from "./chain.ts";

interface CardProps {
  store: PlanStore;
  id: number;
  telling: Telling;
  /** Chosen, not just under the pointer: there is something to press in it. */
  pinned: boolean;
  /** Its size may have changed. */
  shown: () => void;
}

/** All about one bar, beside it. */
export function BarCard({ store, id, telling, pinned, shown }: CardProps): ReactElement | null {
  const bar = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => store.bars.get(id),
  );
  useLayoutEffect(shown, [shown, bar, pinned]);
  return bar === undefined ? null : <CardBody store={store} bar={bar} telling={telling} pinned={pinned} />;
}

function CardBody({ store, bar, telling, pinned }: { store: PlanStore; bar: Bar; telling: Telling; pinned: boolean }): ReactElement {
  const { t, now, zone, machine } = telling;
  const { view } = bar;
  const chain = chainOf(bar.id, store.bars, store.successors);
  const due = timeOf(view.due);
  const range = (span: Span): string => t("card.range", { from: formatShortMoment(t, span.from, now, zone), to: formatShortMoment(t, span.to, now, zone) });
  return (
    <>
      <header className="gantt-card-head">
        <strong>{operationWords(t, view.work_order, view.operation, view.name)}</strong>
        <StateBadge state={view.state} word={wordOf(t, "job", view.state)} />
      </header>
      <p className="gantt-card-what">
        {[view.order_number, view.customer, view.item].filter((part) => part !== null).join(" · ")}
        {view.priority > 0 && <> · {t("card.priority", { priority: view.priority })}</>}
      </p>
      <dl className="gantt-card-times">
        <dt>{t("card.planned")}</dt>
        <dd>
          {bar.planned === null || view.machine === null ? t("card.not_planned") : `${range(bar.planned)} ${t("card.on", { machine: machine(view.machine) })}`}
          {bar.planned !== null && bar.setupFrom !== null && bar.setupFrom < bar.planned.from && <small>{t("card.setup", { time: formatShortMoment(t, bar.setupFrom, now, zone) })}</small>}
        </dd>
        <Projected bar={bar} range={range} telling={telling} />
        {due !== null && (
          <>
            <dt>{t("card.due")}</dt>
            <dd>
              {formatMoment(t, due, now, zone)} <LatenessMark t={t} minutes={view.lateness_minutes} />
            </dd>
          </>
        )}
        <dt>{t("card.before")}</dt>
        <dd>{chain.before.length === 0 ? t("card.none_before") : <Steps bars={chain.before} telling={telling} ends />}</dd>
        <dt>{t("card.after")}</dt>
        <dd>{chain.after.length === 0 ? t("card.none_after") : <Steps bars={chain.after} telling={telling} />}</dd>
      </dl>
      {view.pin !== null && <p className="faint">{view.pin === "running" ? t("card.running") : view.pin === "frozen" ? t("card.frozen") : t("card.locked")}</p>}
      {view.on_hold && (
        <p className="gantt-card-hold">
          <Glyph name="on_hold" /> {t("card.on_hold", { started: hasStarted(bar) ? "yes" : "no" })}
        </p>
      )}
      {pinned && view.order_number !== null && (
        <Link to="/orders/$number" params={{ number: view.order_number }} className="button button-primary">
          {t("card.open", { order: view.order_number })}
        </Link>
      )}
    </>
  );
}

function Projected({ bar, range, telling }: { bar: Bar; range: (span: Span) => string; telling: Telling }): ReactElement | null {
  const { t, machine } = telling;
  const { view } = bar;
  const on = lowerMachine(bar);
  if (bar.projected === null) return null;
  return (
    <>
      <dt>{view.state === "completed" ? t("card.actual") : t("card.projected")}</dt>
      <dd>
        {range(bar.projected)} {on !== null && on !== view.machine && t("card.on", { machine: machine(on) })}
        {hasStarted(bar) && view.quantity_ordered !== null && <small>{t("card.pieces", { good: formatNumber(view.good_pieces, t.language), quantity: formatNumber(view.quantity_ordered, t.language) })}</small>}
      </dd>
    </>
  );
}

function Steps({ bars, telling, ends = false }: { bars: readonly Bar[]; telling: Telling; ends?: boolean }): ReactElement {
  const { t, now, zone, machine } = telling;
  return (
    <>
      {bars.map((bar) => {
        const span = lowerSpan(bar);
        const on = lowerMachine(bar);
        return (
          <span key={bar.id} className="gantt-card-step">
            {t("card.step", { operation: `${bar.view.operation} ${bar.view.name ?? ""}`.trim(), machine: on === null ? "–" : machine(on), time: span === null ? "–" : formatShortMoment(t, ends ? span.to : span.from, now, zone) })}
          </span>
        );
      })}
    </>
  );
}
