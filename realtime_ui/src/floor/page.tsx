import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore, type CSSProperties, type ReactElement, type RefObject } from "react";
import type { FloorSummary, MachineTile } from "../api/types.ts";
import { WallAlarms } from "../alarms/wall.tsx";
import { LiveLoading } from "../app/unreachable.tsx";
import { formatDuration } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import type { Channel } from "../live/channel.ts";
import { useChannel, useChannelStatus, useEntry, useKeys, useLive, useStaleness } from "../live/react.tsx";
import { useBlink } from "../ui/blink.ts";
import { useSeconds } from "../ui/clock.ts";
import { Empty, Forbidden, Skeleton } from "../ui/states.tsx";
import { FloorHeader } from "./header.tsx";
import { layOutDesk, layOutWall, linesOf, type Line, type Room, type WallBlock } from "./layout.ts";
import { Tile } from "./tile.tsx";
import "./floor.css";

const route = getRouteApi("/shell/floor/$site");
const PAGE_MS = 15_000;
/** A wall that runs for weeks starts afresh at night, when the floor is quietest. */
const FRESH_AFTER_MS = 20 * 3_600_000;
const FRESH_HOUR = 3;
/** From so many machines on values change without a transition: something always moves anyway. */
const CALM_FROM = 60;

export function FloorPage(): ReactElement {
  const { site } = route.useParams();
  const { wall: onWall, sound } = route.useSearch();
  const wall = onWall === 1;
  const channel = useChannel(`floor:${site}`);
  const status = useChannelStatus(channel);
  useBlink();
  return (
    <div className={wall ? "floor floor-wall" : "floor"}>
      <FloorHeader channel={channel} wall={wall} site={site} />
      {wall && <WallAlarms key={site} site={site} wanted={sound} />}
      <StaleBand delayed={status.kind === "delayed"} />
      {status.kind === "refused" ? <NoFloor site={site} code={status.code} detail={status.detail} /> : channel.keys.length === 0 && status.kind !== "ready" ? <LiveLoading><FloorSkeleton wall={wall} /></LiveLoading> : <Board channel={channel} wall={wall} />}
    </div>
  );
}

/** The floor cannot be shown to whoever asks: there is none of that name, or it is not theirs. */
function NoFloor({ site, code, detail }: { site: string; code: string; detail: string }): ReactElement {
  const t = useT();
  if (code === "forbidden") return <Forbidden detail={detail} />;
  return (
    <Empty title={t("floor.unknown.title", { site })}>
      <p>{t("floor.unknown.text")}</p>
      <Link to="/" className="button">
        {t("missing.home")}
      </Link>
    </Empty>
  );
}

/** Says how old what is shown is; the tiles below are greyed by the attribute it leaves. */
function StaleBand({ delayed }: { delayed: boolean }): ReactElement | null {
  const t = useT();
  const live = useLive();
  const now = useSeconds();
  const age = useStaleness(now);
  useEffect(() => {
    document.documentElement.toggleAttribute("data-stale", age !== null || delayed);
    return () => { document.documentElement.removeAttribute("data-stale"); };
  }, [age, delayed]);
  if (age === null && !delayed) return null;
  return (
    <div className="stale-band" role="alert" data-testid="stale">
      {age === null ? t("stale.delayed") : t("stale.band", { age: formatDuration(t, age) })}
      {age !== null && (
        <button type="button" className="button button-quiet" onClick={() => { live.retry(); }}>
          {t("action.retry")}
        </button>
      )}
    </div>
  );
}

/** Lines of machines. A new array only when a machine comes, goes or moves. */
function useLines(channel: Channel): readonly Line[] {
  const keys = useKeys(channel);
  const places = useSyncExternalStore(
    (listener) => {
      const leave = keys.map((key) => channel.onKey(key, listener));
      return () => { leave.forEach((each) => { each(); }); };
    },
    () =>
      keys
        .map((key) => channel.get(key) as Partial<MachineTile> | undefined)
        .map((tile) => (tile?.machine === undefined ? "" : JSON.stringify([tile.machine, tile.area, tile.line, tile.position])))
        .join("\n"),
  );
  return useMemo(
    () =>
      linesOf(
        places
          .split("\n")
          .filter((text) => text !== "")
          .map((text) => {
            const [machine, area, line, position] = JSON.parse(text) as [string, string, string, number];
            return { machine, area, line, position };
          }),
      ),
    [places],
  );
}

function Board({ channel, wall }: { channel: Channel; wall: boolean }): ReactElement {
  const t = useT();
  const lines = useLines(channel);
  const zone = useEntry<FloorSummary>(channel, "summary")?.time_zone ?? "UTC";
  if (lines.length === 0) {
    return (
      <Empty title={t("floor.empty.title")}>
        <p>{t("floor.empty.text")}</p>
      </Empty>
    );
  }
  return wall ? <Wall channel={channel} lines={lines} zone={zone} /> : <Desk channel={channel} lines={lines} zone={zone} />;
}

interface LinesProps {
  channel: Channel;
  lines: readonly Line[];
  zone: string;
}

/** The size of an element, null until it is known. */
function useRoom(element: RefObject<HTMLElement | null>): Room | null {
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    if (element.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setRoom({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element.current);
    return () => { observer.disconnect(); };
  }, [element]);
  return room;
}

function LineRow({ row, columns, channel, zone }: { row: readonly WallBlock[]; columns: number; channel: Channel; zone: string }): ReactElement {
  return (
    <div className="line-row" style={{ "--columns": columns } as CSSProperties}>
      {row.map((block) => (
        <section key={block.line.key} className="line" style={{ "--span": block.span } as CSSProperties} aria-label={block.line.line}>
          <LineHeading line={block.line} continued={block.continued} />
          <ul className="tiles">
            {block.machines.map((machine) => (
              <Tile key={machine} channel={channel} machine={machine} zone={zone} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function keyOf(row: readonly WallBlock[]): string {
  return row.map((block) => block.line.key).join(" ");
}

function Desk({ channel, lines, zone }: LinesProps): ReactElement {
  const area = useRef<HTMLDivElement>(null);
  const width = useRoom(area)?.width;
  const layout = useMemo(() => (width === undefined ? null : layOutDesk(lines, width)), [lines, width]);
  const calm = lines.reduce((sum, line) => sum + line.machines.length, 0) > CALM_FROM;
  return (
    <div className={calm ? "lines lines-calm" : "lines"} ref={area}>
      {layout?.rows.map((row) => <LineRow key={keyOf(row)} row={row} columns={layout.columns} channel={channel} zone={zone} />)}
    </div>
  );
}

function LineHeading({ line, continued = false }: { line: Line; continued?: boolean }): ReactElement {
  const t = useT();
  return (
    <h2 className="line-heading">
      {line.line}
      <small>{line.area}</small>
      {continued && <small>{t("floor.continued")}</small>}
    </h2>
  );
}

function Wall({ channel, lines, zone }: LinesProps): ReactElement {
  const t = useT();
  const area = useRef<HTMLDivElement>(null);
  const room = useRoom(area);
  const [turn, setTurn] = useState(0);
  const layout = useMemo(() => (room === null ? null : layOutWall(lines, room)), [lines, room]);
  const pages = layout?.pages.length ?? 0;
  useEffect(() => {
    if (pages < 2) return undefined;
    const timer = setInterval(() => { setTurn((before) => before + 1); }, PAGE_MS);
    return () => { clearInterval(timer); };
  }, [pages]);
  useFreshStart();
  const shown = pages === 0 ? 0 : turn % pages;
  const page = layout?.pages[shown];
  return (
    <>
      <div className="wall" ref={area} style={{ "--tile-height": `${layout?.tileHeight ?? 0}px` } as CSSProperties}>
        {page?.rows.map((row) => <LineRow key={keyOf(row)} row={row} columns={layout?.columns ?? 1} channel={channel} zone={zone} />)}
      </div>
      {pages > 1 && (
        <p className="wall-page" role="status">
          <span className="hidden-words">{t("floor.page", { page: shown + 1, pages })}</span>
          {layout?.pages.map((_, place) => <span key={place} className={place === shown ? "wall-dot wall-dot-here" : "wall-dot"} />)}
        </p>
      )}
    </>
  );
}

/** Reload in the night hour once the page is old: new versions arrive, nothing piles up. */
function useFreshStart(): void {
  useEffect(() => {
    const born = Date.now();
    const timer = setInterval(() => {
      if (Date.now() - born > FRESH_AFTER_MS && new Date().getHours() === FRESH_HOUR && navigator.onLine) location.reload();
    }, 600_000);
    return () => { clearInterval(timer); };
  }, []);
}

function FloorSkeleton({ wall }: { wall: boolean }): ReactElement {
  const t = useT();
  return (
    <div className="lines" aria-busy="true">
      <p className="hidden-words">{t("state.loading")}</p>
      <Skeleton width="160px" height="24px" />
      <ul className="tiles">
        {Array.from({ length: wall ? 8 : 6 }, (_, place) => (
          <li key={place} className="tile tile-skeleton">
            <Skeleton width="50%" height="28px" />
            <Skeleton width="70%" height="20px" />
            <Skeleton width="40%" height="20px" />
            <Skeleton width="60%" height="40px" />
            <Skeleton width="100%" height="12px" />
            <Skeleton width="45%" height="20px" />
          </li>
        ))}
      </ul>
    </div>
  );
}
