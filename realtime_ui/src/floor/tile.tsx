import { Link } from "@tanstack/react-router";
import { memo, type CSSProperties, type ReactElement } from "react";
import type { CurrentOperation, MachineTile } from "../api/types.ts";
import { formatCountdown, formatDuration, formatNumber, formatShortMoment, timeOf } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import type { Channel } from "../live/channel.ts";
import { useEntry } from "../live/react.tsx";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Sparkline } from "../ui/sparkline.tsx";
import { StateBadge } from "../ui/states.tsx";
import { isStopped, lateBy, needsAction, shareExpected, shareMade } from "./figures.ts";

interface TileProps {
  channel: Channel;
  machine: string;
  zone: string;
}

/** One machine. It renders when its own object changes, and four times a minute for its times. */
export const Tile = memo(function Tile({ channel, machine, zone }: TileProps): ReactElement | null {
  const tile = useEntry<MachineTile>(channel, machine);
  const now = useNow();
  const t = useT();
  if (tile === undefined) return null;
  const operation = tile.operation;
  const late = operation === null ? null : lateBy(operation, now);
  return (
    <li className={`tile tile-${tile.state}${late === null ? "" : " tile-late"}${tile.configured ? "" : " tile-unconfigured"}`} data-testid={`tile-${machine}`} data-state={tile.state}>
      <div className="tile-head">
        <StateBadge state={tile.state} word={wordOf(t, "state", tile.state)} act={needsAction(tile.state, tile.reason)} />
        <Link className="tile-name" to="/terminal/$" params={{ _splat: machine }} title={machine}>
          {tile.name}
        </Link>
      </div>
      <p className="tile-why">
        {tile.state === "down" && tile.reason === null && tile.configured ? (
          <Link className="tile-reason" to="/reports/stops" search={{ machine }} title={t("tile.give_reason")}>
            {reasonWords(t, tile)}
          </Link>
        ) : (
          <span className="tile-reason">{reasonWords(t, tile)}</span>
        )}
        <span className="tile-since">{sinceWords(t, tile, now, zone)}</span>
      </p>
      <OperationLines operation={operation} />
      <Figures tile={tile} operation={operation} />
      <Bar operation={operation} now={now} zone={zone} />
      <div className="tile-foot">
        <span className="tile-next">{nextLine(t, tile, now, late !== null)}</span>
        {late !== null && (
          <span className="late">
            <Glyph name="late" />
            {t("tile.late", { duration: formatDuration(t, late) })}
          </span>
        )}
      </div>
    </li>
  );
});

type T = ReturnType<typeof useT>;

/** Why a machine stands still, or who is at one that runs; and that nobody has named it. */
function reasonWords(t: T, tile: MachineTile): string {
  const said: string[] = [];
  if (!tile.configured) said.push(t("tile.unconfigured"));
  if (!isStopped(tile.state)) said.push(tile.operator ?? "");
  else if (tile.reason !== null) said.push(wordOf(t, "reason", tile.reason));
  else if (tile.state === "down") said.push(t("tile.no_reason"));
  return said.filter((part) => part !== "").join(" · ");
}

/** Since when and for how long it is so, to the minute: seconds would only flicker. */
function sinceWords(t: T, tile: MachineTile, now: number, zone: string): string {
  const since = timeOf(tile.state_since);
  if (since === null) return "";
  const duration = formatDuration(t, Math.max(60_000, now - since));
  return isStopped(tile.state) ? t("tile.since", { time: formatShortMoment(t, since, now, zone), duration }) : t("tile.for", { duration });
}

/** What comes next and in how long; beside the word that it is late there is no room for both. */
function nextLine(t: T, tile: MachineTile, now: number, brief: boolean): string {
  const next = tile.next_operation;
  if (next === null) return t("tile.no_next");
  const end = timeOf(tile.operation?.projected_end ?? null);
  if (brief || tile.operation === null || end === null) return t("tile.next", { work_order: next.work_order });
  return t("tile.next_in", { work_order: next.work_order, countdown: formatCountdown(end - now) });
}

function OperationLines({ operation }: { operation: CurrentOperation | null }): ReactElement {
  const t = useT();
  if (operation === null) {
    return (
      <div className="tile-work">
        <p className="tile-order faint">{t("tile.no_work")}</p>
        <p className="tile-customer"> </p>
      </div>
    );
  }
  const what = operation.item ?? operation.name ?? t("tile.operation", { number: operation.operation });
  return (
    <div className="tile-work">
      <p className="tile-order">
        {operation.order_number === null ? (
          <strong>{operation.work_order}</strong>
        ) : (
          <Link to="/orders/$number" params={{ number: operation.order_number }}>
            {operation.work_order}
          </Link>
        )}
        <span> · {what}</span>
      </p>
      <p className="tile-customer">
        {operation.state !== "running" && <span className="tile-opstate">{wordOf(t, "job", operation.state)} · </span>}
        {operation.customer ?? t("tile.no_customer")}
      </p>
    </div>
  );
}

function Figures({ tile, operation }: { tile: MachineTile; operation: CurrentOperation | null }): ReactElement {
  const t = useT();
  const good = operation?.good_pieces ?? tile.unassigned_good;
  const wanted = operation?.quantity_ordered ?? null;
  const beside = operation === null ? (good === 0 ? "" : t("tile.unassigned")) : wanted === null ? t("tile.pieces") : `/ ${formatNumber(wanted, t.language)}`;
  return (
    <div className="tile-figures">
      <span className="tile-count">
        <span key={good} className="tile-good changed" data-testid="good">
          {operation === null && good === 0 ? "–" : formatNumber(good, t.language)}
        </span>
        <span className="tile-wanted"> {beside}</span>
      </span>
      <Sparkline values={tile.pace} label={t("tile.pace")} />
      <span className="tile-percent" title={t("tile.pace")}>
        {tile.pace_percent === null ? "–" : t("tile.percent", { percent: tile.pace_percent })}
      </span>
    </div>
  );
}

function Bar({ operation, now, zone }: { operation: CurrentOperation | null; now: number; zone: string }): ReactElement {
  const t = useT();
  const made = operation === null ? null : shareMade(operation);
  const expected = operation === null ? null : shareExpected(operation, now);
  const end = timeOf(operation?.projected_end ?? null);
  return (
    <div className="tile-bar">
      <div
        className="progress"
        role="progressbar"
        aria-label={t("tile.progress")}
        aria-valuemin={0}
        aria-valuemax={100}
        {...(made === null ? {} : { "aria-valuenow": Math.floor(made * 100) })}
        style={{ "--made": made ?? 0, "--expected": expected ?? 0 } as CSSProperties}
      >
        <span className="progress-fill">
          <span className="progress-made" />
        </span>
        {expected !== null && <span className="progress-expected" title={t("tile.expected")} />}
      </div>
      <span className="tile-end">{end === null ? "–" : formatShortMoment(t, end, now, zone)}</span>
    </div>
  );
}
