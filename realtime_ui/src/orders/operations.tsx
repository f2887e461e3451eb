import { Link } from "@tanstack/react-router";
import { useMemo, useSyncExternalStore, type ReactElement } from "react";
import type { OperationProgress } from "../api/types.ts";
import { formatNumber, formatShortMoment, timeOf } from "../i18n/format.ts";
import { useMachineName } from "../app/machines.ts";
import { useZone } from "../app/sites.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import type { Channel } from "../live/channel.ts";
import { useKeys } from "../live/react.tsx";
import { useNow } from "../ui/clock.ts";
import { StateBadge } from "../ui/states.tsx";
import { spanOf, type Span } from "./gantt.ts";

const PREFIX = "operation/";

/** The operations of the channel; the REST answer until its first word. */
function useOperations(channel: Channel, fallback: readonly OperationProgress[]): readonly OperationProgress[] {
  const keys = useKeys(channel);
  const text = useSyncExternalStore(
    (listener) => {
      const leave = keys.map((key) => channel.onKey(key, listener));
      return () => { leave.forEach((each) => { each(); }); };
    },
    () => JSON.stringify(keys.filter((key) => key.startsWith(PREFIX)).map((key) => channel.get(key))),
  );
  return useMemo(() => {
    const live = JSON.parse(text) as OperationProgress[];
    const shown = live.length > 0 ? live : [...fallback];
    return shown.sort((a, b) => a.work_order.localeCompare(b.work_order, "en", { numeric: true }) || a.operation - b.operation);
  }, [text, fallback]);
}

export function Operations({ channel, fallback, site }: { channel: Channel; fallback: readonly OperationProgress[]; site: string }): ReactElement {
  const t = useT();
  const now = useNow();
  const zone = useZone(site);
  const operations = useOperations(channel, fallback);
  const span = useMemo(() => spanOf(operations, now), [operations, now]);
  return (
    <section aria-labelledby="operations">
      <h2 id="operations" className="section">
        {t("order.operations")}
      </h2>
      {operations.length === 0 ? (
        <p className="faint">{t("order.no_operations")}</p>
      ) : (
        <ol className="operations">
          {operations.map((operation) => (
            <Operation key={`${operation.work_order}/${operation.operation}`} operation={operation} span={span} now={now} zone={zone} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Operation({ operation, span, now, zone }: { operation: OperationProgress; span: Span | null; now: number; zone: string }): ReactElement {
  const t = useT();
  const nameOf = useMachineName();
  const wanted = operation.quantity_ordered;
  const moment = (text: string | null): string => {
    const at = timeOf(text);
    return at === null ? "–" : formatShortMoment(t, at, now, zone);
  };
  return (
    <li className="operation" data-testid={`operation-${operation.work_order}-${operation.operation}`}>
      <div className="operation-what">
        <strong>
          {operation.work_order} · {operation.operation}
        </strong>
        <span>{operation.name ?? t("tile.operation", { number: operation.operation })}</span>
        {operation.machine === null ? (
          <span className="faint">{t("order.no_machine")}</span>
        ) : (
          <Link to="/terminal/$" params={{ _splat: operation.machine }}>
            {nameOf(operation.machine)}
          </Link>
        )}
      </div>
      <div className="operation-state">
        <StateBadge state={operation.state} word={wordOf(t, "job", operation.state)} />
      </div>
      <div className="operation-pieces">
        <strong key={operation.good_pieces} className="changed">
          {formatNumber(operation.good_pieces, t.language)}
        </strong>
        <span className="faint">{wanted === null ? "" : ` / ${formatNumber(wanted, t.language)}`}</span>
        <small className="faint">{t("order.scrap", { scrap: formatNumber(operation.scrap_pieces, t.language) })}</small>
      </div>
      <div className="operation-time">
        <Bars operation={operation} span={span} now={now} />
        <small>
          {t("order.started", { time: moment(operation.started) })} · {operation.ended === null ? t("order.ends", { time: moment(operation.projected_end) }) : t("order.ended", { time: moment(operation.ended) })}
        </small>
      </div>
    </li>
  );
}

/** Planned under actual on one time axis for all operations of the order, with a line for now. */
function Bars({ operation, span, now }: { operation: OperationProgress; span: Span | null; now: number }): ReactElement {
  const wanted = operation.quantity_ordered;
  const made = wanted === null || wanted <= 0 ? 0 : Math.min(1, operation.good_pieces / wanted);
  if (span === null) {
    return (
      <span className="bars bars-plain" aria-hidden="true">
        <span className="bar-done" style={{ inset: `0 ${100 - made * 100}% 0 0` }} />
      </span>
    );
  }
  const place = (from: number, to: number): { left: string; width: string } => ({
    left: `${((from - span.from) / (span.to - span.from)) * 100}%`,
    width: `max(3px, ${((to - from) / (span.to - span.from)) * 100}%)`,
  });
  const planned = [timeOf(operation.planned_start), timeOf(operation.planned_end)] as const;
  const started = timeOf(operation.started);
  const ended = timeOf(operation.ended);
  const end = timeOf(operation.projected_end);
  return (
    <span className="bars" aria-hidden="true">
      {planned[0] !== null && planned[1] !== null && <span className="bar-planned" style={place(planned[0], planned[1])} />}
      {started !== null && ended === null && end !== null && end > now && <span className="bar-projected" style={place(now, end)} />}
      {started !== null && <span className={`bar-actual bar-${operation.state}`} style={place(started, ended ?? Math.max(now, started))} />}
      <span className="bar-now" style={{ left: place(now, now).left }} />
    </span>
  );
}
