import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useState, type ReactElement } from "react";
import { formatShortMoment } from "../../i18n/format.ts";
import { wordOf } from "../../i18n/translator.ts";
import type { PlanStore } from "../store.ts";
import { LatenessMark } from "../lateness.tsx";
import { momentWords, operationWords, type Telling } from "../words.ts";
import { lowerMachine, type Bar, type Span } from "./bars.ts";
import { needsOf, rowsByResource, skillName, type Need } from "./lanes.ts";
import { unavailableWords } from "./phrases.ts";
import { rowsByMachine, rowsByOrder, type Arrangement, type Group } from "./rows.ts";

const COLUMNS = ["machine", "order", "operation", "item", "customer", "state", "needs", "planned", "projected", "due", "lateness"] as const;
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

/** A line of the table: a bar, or the heading of what follows. */
type Line = { key: string; bar: Bar } | { key: string; heading: string; detail: string };

function groupsOf(store: PlanStore, arrangement: Arrangement, bars: readonly Bar[]): Group[] {
  switch (arrangement) {
    case "machine":
      return rowsByMachine(store.machines.values(), bars);
    case "resource":
      return rowsByResource(store.resources.values(), bars, store.machines);
    case "order":
      return rowsByOrder(bars);
  }
}

/** Who is away in a group's lanes, and when. */
function awayWords({ t, now, zone }: Telling, group: Group): string[] {
  const told = new Set<string>();
  for (const row of group.rows) {
    for (const { from, to, why } of row.lane?.unavailable ?? []) {
      if (why !== "closed" && to > now) told.add(`${unavailableWords(t, why)} (${t("card.range", { from: formatShortMoment(t, from, now, zone), to: formatShortMoment(t, to, now, zone) })})`);
    }
  }
  return [...told];
}

function linesOf(store: PlanStore, telling: Telling, arrangement: Arrangement, order: string | null): Line[] {
  const bars = order === null ? [...store.bars.values()] : [...store.bars.values()].filter((bar) => bar.view.order_number === order);
  const known = new Set<Bar>();
  const lines = groupsOf(store, arrangement, bars).flatMap((group): Line[] => {
    // What is in an oven together is told one by one; who needs two welders is told once.
    const own = [...new Set(group.rows.flatMap((row) => row.lower.flatMap((bar) => bar.batch ?? [bar])))];
    own.forEach((bar) => known.add(bar));
    const told = own.map((bar): Line => ({ key: `${group.key} ${bar.id}`, bar }));
    if (arrangement !== "resource") return told;
    return [{ key: group.key, heading: group.label, detail: [group.detail, ...awayWords(telling, group)].filter((part) => part !== "").join(" · ") }, ...told];
  });
  return [...lines, ...bars.filter((bar) => !known.has(bar)).map((bar): Line => ({ key: String(bar.id), bar }))];
}

/** The same as the chart, in words and numbers. */
export function PlanTable({ store, telling, arrangement, order }: { store: PlanStore; telling: Telling; arrangement: Arrangement; order: string | null }): ReactElement {
  const { t } = telling;
  const version = useVersion(store);
  const [asked, setAsked] = useState(0);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the store is the same object in all its versions
  const lines = useMemo(() => linesOf(store, telling, arrangement, order), [store, version, telling.t, telling.zone, arrangement, order]);
  const pages = Math.max(1, Math.ceil(lines.length / PAGE_ROWS));
  const page = Math.min(asked, pages - 1);
  return (
    <>
      <div className="plan-table" tabIndex={0} role="region" aria-label={t("table.caption")}>
        <table>
          <caption className="hidden-words">{t("table.caption")}</caption>
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <th key={column} scope="col">
                  {t(`table.${column}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lines.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS).map((line) =>
              "bar" in line ? (
                <TableRow key={line.key} bar={line.bar} needs={needsOf(line.bar, store.machines).map((need) => ({ ...need, skill: skillName(need.skill, store.resources.values()) }))} telling={telling} />
              ) : (
                <tr key={line.key} className="plan-table-heading">
                  <th scope="rowgroup" colSpan={COLUMNS.length}>
                    {line.heading}
                    {line.detail !== "" && <span className="faint"> {line.detail}</span>}
                  </th>
                </tr>
              ),
            )}
          </tbody>
        </table>
        {lines.length === 0 && <p className="plan-none">{t("table.empty")}</p>}
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

function TableRow({ bar, needs, telling }: { bar: Bar; needs: readonly Need[]; telling: Telling }): ReactElement {
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
      <td>{needs.length === 0 ? "–" : needs.map(({ skill, count, during }) => t("card.need", { n: count, skill, during })).join(", ")}</td>
      <td className="plan-nowrap">{range(bar.planned)}</td>
      <td className="plan-nowrap">{range(bar.projected)}</td>
      <td className="plan-nowrap">{momentWords(telling, view.due)}</td>
      <td>
        <LatenessMark t={t} minutes={view.lateness_minutes} />
      </td>
    </tr>
  );
}
