import { Link } from "@tanstack/react-router";
import { useLayoutEffect, useSyncExternalStore, type ReactElement } from "react";
import { formatMoment, formatNumber, formatShortMoment, timeOf } from "../../i18n/format.ts";
import { wordOf } from "../../i18n/translator.ts";
import { Glyph } from "../../ui/glyph.tsx";
import { StateBadge } from "../../ui/states.tsx";
import type { PlanStore } from "../store.ts";
import { LatenessMark } from "../lateness.tsx";
import { operationWords, type Telling } from "../words.ts";
import { hasStarted, lowerMachine, lowerSpan, riskOf, type Bar, type Span } from "./bars.ts";
import { loadWith } from "./batches.ts";
import { chainOf } from "./chain.ts";
import type { Hands } from "./gantt.tsx";
import { mayMove } from "./hand.ts";
import { needsOf, skillName } from "./lanes.ts";

interface CardProps {
  store: PlanStore;
  id: number;
  telling: Telling;
  /** Chosen, not just under the pointer: there is something to press in it. */
  pinned: boolean;
  /** Its size may have changed. */
  shown: () => void;
  hands: Hands;
  /** Take it in hand, to be moved by keys. */
  grab: () => void;
}

/** All about one bar, beside it. */
export function BarCard({ store, id, telling, pinned, shown, hands, grab }: CardProps): ReactElement | null {
  const bar = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => store.bars.get(id),
  );
  useLayoutEffect(shown, [shown, bar, pinned]);
  return bar === undefined ? null : <CardBody store={store} bar={bar} telling={telling} pinned={pinned} hands={hands} grab={grab} />;
}

interface BodyProps {
  store: PlanStore;
  bar: Bar;
  telling: Telling;
  pinned: boolean;
  hands: Hands;
  grab: () => void;
}

function CardBody({ store, bar, telling, pinned, hands, grab }: BodyProps): ReactElement {
  const { t, now, zone, machine } = telling;
  const { view } = bar;
  const chain = chainOf(bar.id, store.bars, store.successors);
  const due = timeOf(view.due);
  const load = loadWith(bar, store.bars.values(), store.machines);
  const needs = needsOf(bar, store.machines);
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
        {load.length > 0 && (
          <>
            <dt>{t("card.load")}</dt>
            <dd>
              {load.map((each) => (
                <span key={each.id} className="gantt-card-step">
                  {[each.view.order_number ?? each.view.work_order, each.view.item, each.view.customer].filter((part) => part !== null).join(" · ")} <LatenessMark t={t} minutes={each.view.lateness_minutes} />
                </span>
              ))}
            </dd>
          </>
        )}
        {needs.length > 0 && (
          <>
            <dt>{t("card.needs")}</dt>
            <dd>{needs.map((need) => t("card.need", { n: need.count, skill: skillName(need.skill, store.resources.values()), during: need.during })).join(", ")}</dd>
          </>
        )}
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
      {pinned && <CardActions bar={bar} t={t} hands={hands} grab={grab} />}
    </>
  );
}

/** What can be done with a bar: the same as by keys, for whoever points. */
function CardActions({ bar, t, hands, grab }: { bar: Bar; t: Telling["t"]; hands: Hands; grab: () => void }): ReactElement {
  const { view } = bar;
  const order = view.order_number;
  return (
    <div className="gantt-card-actions">
      {order !== null && riskOf(bar) === "late" && (
        <button type="button" className="button button-primary" aria-keyshortcuts="W" onClick={() => { hands.why(order); }} data-testid="card-why">
          {t("card.why")}
        </button>
      )}
      {hands.mayPlan && mayMove(bar) && (
        <>
          <button type="button" className="button" aria-keyshortcuts="M" onClick={grab} data-testid="card-move">
            {t("card.move")}
          </button>
          <button type="button" className="button" aria-keyshortcuts="L" onClick={() => { hands.lock(bar); }} data-testid="card-lock">
            {view.pin === "locked" ? t("card.free") : t("card.lock")}
          </button>
        </>
      )}
      {hands.mayOrder && order !== null && !hasStarted(bar) && (
        <button type="button" className="button" onClick={() => { hands.rush(order); }}>
          {t("card.rush")}
        </button>
      )}
      {order !== null && (
        <Link to="/orders/$number" params={{ number: order }} className="button">
          {t("card.open", { order })}
        </Link>
      )}
    </div>
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
