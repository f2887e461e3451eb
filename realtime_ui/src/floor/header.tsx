import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import type { FloorSummary } from "../api/types.ts";
import { ConnectionBadge } from "../app/connection.tsx";
import { formatClock, formatNumber, formatZone, zoneDiffers } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import type { Channel } from "../live/channel.ts";
import { useEntry } from "../live/react.tsx";
import { usePermission } from "../session/session.ts";
import { useSeconds } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";

function SiteClock({ zone }: { zone: string }): ReactElement {
  const t = useT();
  const now = useSeconds();
  return (
    <span className="floor-clock">
      <time>{formatClock(now, zone, t.language)}</time>
      {zoneDiffers(zone, now) && <small>{formatZone(zone, now, t.language)}</small>}
    </span>
  );
}

function Figure({ label, value, state, testId, children }: { label: string; value: number; state?: string; testId: string; children?: string }): ReactElement {
  const t = useT();
  return (
    <div className={state === undefined ? "figure" : `figure figure-${state}`}>
      <dt>{label}</dt>
      <dd data-testid={testId}>
        {state !== undefined && <Glyph name={state} />}
        <span>{formatNumber(value, t.language)}</span>
        {children !== undefined && <small>{children}</small>}
      </dd>
    </div>
  );
}

/** The site at a glance. On a wall it stands alone; at a desk the bar above has the connection. */
export function FloorHeader({ channel, wall, site }: { channel: Channel; wall: boolean; site: string }): ReactElement {
  const t = useT();
  const summary = useEntry<FloorSummary>(channel, "summary");
  const seesLetters = usePermission("dead_letters");
  const number = (value: number): string => formatNumber(value, t.language);
  return (
    <header className="floor-header">
      <div className="floor-title">
        <h1>{summary?.name ?? site}</h1>
        {summary !== undefined && <SiteClock zone={summary.time_zone} />}
      </div>
      {summary !== undefined && (
        <dl className="figures">
          <Figure label={t("floor.pieces_today")} value={summary.good_pieces_today} testId="pieces-today">
            {t("floor.scrap", { scrap: number(summary.scrap_pieces_today) })}
          </Figure>
          <Figure label={t("floor.running")} value={summary.running} state="running" testId="running">
            {`/ ${number(summary.machines)}`}
          </Figure>
          <Figure label={t("floor.down")} value={summary.down} state={summary.down > 0 ? "down" : "completed"} testId="down" />
          <Figure label={t("floor.at_risk")} value={summary.orders_at_risk} state={summary.orders_at_risk > 0 ? "late" : "completed"} testId="orders-at-risk">
            {t("floor.of_open", { open: number(summary.orders_open) })}
          </Figure>
        </dl>
      )}
      <div className="floor-end">
        {summary !== undefined && summary.dead_letters > 0 && <DeadLetterHint count={summary.dead_letters} site={site} link={seesLetters && !wall} />}
        {wall ? (
          <ConnectionBadge />
        ) : (
          <Link className="button button-quiet wall-link" to="/floor/$site" params={{ site }} search={{ wall: 1 }}>
            {t("floor.wall")}
          </Link>
        )}
      </div>
    </header>
  );
}

function DeadLetterHint({ count, site, link }: { count: number; site: string; link: boolean }): ReactElement {
  const t = useT();
  const text = t("floor.dead_letters", { count });
  if (!link) return <span className="hint">{text}</span>;
  return (
    <Link className="hint" to="/dead-letters" search={{ site }}>
      {text}
    </Link>
  );
}
