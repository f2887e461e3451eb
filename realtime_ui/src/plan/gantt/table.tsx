import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useState, type ReactElement } from "react";
import { formatShortMoment } from "../../i18n/format.ts";
import { wordOf } from "../../i18n/translator.ts";
import type { PlanStore } from "../store.ts";
import { LatenessMark } from "../lateness.tsx";
import { operationWords, type Telling } from "../words.ts";
import { lowerMachine, type Bar, type Span } from "./bars.ts";
import { rowsByMachine, rowsByOrder, type Arrangement } from "./rows.ts";

const PAGE_ROWS = 100;
const REFRESH_MS = 2_000;

/** The version of a store, at most every two seconds: a table that is read must not run away. */
function useVersion(store: PlanStore): number {
  const [version, setVersion] = useState(store.version);
  useEffect(() => {
    const timer = setInterval(() => { setVersion(store.version); }, REFRESH_MS);
    return () => { clearInterval(timer); };
  }, [store]);
  return version;
}

function sorted(store: PlanStore, arrangement: Arrangement, order: string | null): Bar[] {
  const bars = order === null ? [...store.bars.values()] : [...store.bars.values()].filter((bar) => bar.view.order_number === order);
  const groups = arrangement === "machine" ? rowsByMachine(store.machines.values(), bars) : rowsByOrder(bars);
  const placed = groups.flatMap((group) => group.rows.flatMap((row) => row.lower));
  const known = new Set(placed);
  return [...placed, ...bars.filter((bar) => !known.has(bar))];
}

/** The same as the chart, in words and numbers. */
export function PlanTable({ store, telling, arrangement, order }: { store: PlanStore; telling: Telling; arrangement: Arrangement; order: string | null }): ReactElement {
  const { t } = telling;
  const version = useVersion(store);
  const [asked, setAsked] = useState(0);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the store is the same object in all its versions
  const bars = useMemo(() => sorted(store, arrangement, order), [store, version, arrangement, order]);
  const pages = Math.max(1, Math.ceil(bars.length / PAGE_ROWS));
  const page = Math.min(asked, pages - 1);
  return (
    <>
      <div className="plan-table" tabIndex={0} role="region" aria-label={t("table.caption")}>
        <table>
          <caption className="hidden-words">{t("table.caption")}</caption>
          <thead>
            <tr>
              {(["machine", "order", "operation", "item", "customer", "state", "planned", "projected", "lateness"] as const).map((column) => (
                <th key={column} scope="col">
                  {t(`table.${column}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {bars.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS).map((bar) => (
              <TableRow key={bar.id} bar={bar} telling={telling} />
            ))}
          </tbody>
        </table>
        {bars.length === 0 && <p className="plan-none">{t("table.empty")}</p>}
      </div>
      {pages > 1 && (
        <nav className="plan-pager" aria-label={t("table.pages")}>
          <button type="button" className="button" disabled={page === 0} onClick={() => { setAsked(page - 1); }}>
            {t("table.previous")}
          </button>
          <span>{t("history.page", { page: page + 1, pages })}</span>
          <button type="button" className="button" disabled={page + 1 >= pages} onClick={() => { setAsked(page + 1); }}>
            {t("table.next")}
          </button>
        </nav>
      )}
    </>
  );
}

function TableRow({ bar, telling }: { bar: Bar; telling: Telling }): ReactElement {
  const { t, now, zone, machine } = telling;
  const { view } = bar;
  const on = lowerMachine(bar);
  const range = (span: Span | null): string => (span === null ? "–" : t("card.range", { from: formatShortMoment(t, span.from, now, zone), to: formatShortMoment(t, span.to, now, zone) }));
  return (
    <tr data-testid={`plan-row-${bar.id}`}>
      <td>
        {on === null ? "–" : machine(on)}
        {on !== null && view.machine !== null && on !== view.machine && <small className="faint"> {t("table.planned_on", { machine: machine(view.machine) })}</small>}
      </td>
      <td>
        {view.order_number === null ? (
          "–"
        ) : (
          <Link to="/orders/$number" params={{ number: view.order_number }}>
            {view.order_number}
          </Link>
        )}
      </td>
      <td>{operationWords(t, view.work_order, view.operation, view.name)}</td>
      <td>{view.item ?? "–"}</td>
      <td>{view.customer ?? "–"}</td>
      <td>
        {wordOf(t, "job", view.state)}
        {view.on_hold && <small> · {wordOf(t, "stage", "on_hold")}</small>}
        {view.pin !== null && <small className="faint"> {wordOf(t, "table.pin", view.pin)}</small>}
      </td>
      <td className="plan-nowrap">{range(bar.planned)}</td>
      <td className="plan-nowrap">{range(bar.projected)}</td>
      <td>
        <LatenessMark t={t} minutes={view.lateness_minutes} />
      </td>
    </tr>
  );
}
