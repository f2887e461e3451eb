import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { CurrentOperation, JobEvent, MachineTile, TerminalView } from "../api/types.ts";
import { LiveLoading } from "../app/unreachable.tsx";
import { formatDuration, formatNumber, formatShortMoment, timeOf } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { useChannel, useChannelStatus, useEntry, useStaleness } from "../live/react.tsx";
import { useZone } from "../app/sites.ts";
import { usePermission } from "../session/session.ts";
import { useNow, useSeconds } from "../ui/clock.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Glyph } from "../ui/glyph.tsx";
import { Empty, Forbidden, reasonOf, Skeleton, StateBadge } from "../ui/states.tsx";
import { shareMade } from "../floor/figures.ts";
import { arrived, expected, type Said } from "./expectation.ts";
import "./terminal.css";

const route = getRouteApi("/shell/terminal/$");
/** The floor answers within a second; after this somebody should look why not. */
const PATIENCE_MS = 8_000;

type Report = (event: JobEvent, operation: CurrentOperation) => void;

/** What was said last: sent, on its way to the screen, or refused. */
interface Sending {
  said: Said;
  phase: "sending" | "sent" | "late" | "failed";
  error: unknown;
}

export function TerminalPage(): ReactElement {
  const t = useT();
  const { _splat: path = "" } = route.useParams();
  const channel = useChannel(`machine:${path}`);
  const status = useChannelStatus(channel);
  const tile = useEntry<MachineTile>(channel, "machine");
  const queue = useEntry<TerminalView>(channel, "queue");
  if (status.kind === "refused") {
    return status.code === "forbidden" ? (
      <Forbidden detail={status.detail} />
    ) : (
      <Empty title={t("terminal.unknown.title", { machine: path })}>
        <p>{t("terminal.unknown.text")}</p>
        <Link to="/" className="button">
          {t("missing.home")}
        </Link>
      </Empty>
    );
  }
  if (tile === undefined) return <LiveLoading><TerminalSkeleton path={path} /></LiveLoading>;
  return <Terminal key={path} path={path} tile={tile} queue={queue?.operations ?? []} />;
}

function Terminal({ path, tile, queue }: { path: string; tile: MachineTile; queue: readonly CurrentOperation[] }): ReactElement {
  const t = useT();
  const mayOperate = usePermission("operate");
  const [sending, setSending] = useState<Sending | null>(null);
  const [asking, setAsking] = useState<Said | null>(null);
  const seconds = useSeconds();
  const age = useStaleness(seconds);
  const open = sending === null || sending.phase === "failed" ? null : sending.said;
  const done = open !== null && arrived(tile.operation, open);
  const waiting = open !== null && !done;
  const current = expected(tile.operation, waiting ? open : null);

  useEffect(() => {
    if (sending?.phase !== "sent" || done) return undefined;
    const timer = setTimeout(() => { setSending({ ...sending, phase: "late" }); }, PATIENCE_MS);
    return () => { clearTimeout(timer); };
  }, [sending, done]);

  const say: Report = (event, operation) => {
    const said = { event, operation };
    setSending({ said, phase: "sending", error: null });
    api.job(path, event, operation.work_order, operation.operation).then(
      () => { setSending({ said, phase: "sent", error: null }); },
      (error: unknown) => { setSending({ said, phase: "failed", error }); },
    );
  };
  const report: Report = (event, operation) => {
    const replaces = event === "started" && tile.operation !== null && tile.operation.work_order !== operation.work_order;
    if (event === "completed" || event === "aborted" || replaces) setAsking({ event, operation });
    else say(event, operation);
  };
  const rest = queue.filter((each) => each.work_order !== current?.work_order || each.operation !== current.operation);
  return (
    <div className={`terminal${age === null ? "" : " is-stale"}`}>
      <header className="terminal-head">
        <div>
          <h1>{tile.name}</h1>
          <p className="faint">{path}</p>
        </div>
        <Link to="/reports/stops" search={{ machine: path }} className="button" data-testid="stops">
          {t("terminal.stops")}
        </Link>
        <MachineState tile={tile} />
      </header>
      <Feedback sending={sending} waiting={waiting} age={age} retry={() => { if (sending !== null) say(sending.said.event, sending.said.operation); }} />
      {current !== null && current.asked !== null && <Asked key={current.work_order} path={path} operation={current} disabled={!mayOperate} />}
      <Current operation={current} tile={tile} report={report} disabled={!mayOperate || waiting} waiting={waiting} />
      {!mayOperate && <p className="faint">{t("terminal.read_only")}</p>}
      <section aria-labelledby="queue">
        <h2 id="queue" className="section">
          {t("terminal.queue")}
        </h2>
        {rest.length === 0 ? (
          <p className="faint">{t("terminal.queue_empty")}</p>
        ) : (
          <ol className="queue">
            {rest.map((operation) => (
              <Waiting key={`${operation.work_order}/${operation.operation}`} operation={operation} report={report} disabled={!mayOperate || waiting} zone={path.split("/")[0] ?? ""} />
            ))}
          </ol>
        )}
      </section>
      {asking !== null && (
        <Confirm
          large
          danger={asking.event === "aborted"}
          title={t(asking.event === "completed" ? "terminal.complete_title" : asking.event === "aborted" ? "terminal.abort_title" : "terminal.replace_title", { work_order: asking.operation.work_order })}
          text={confirmText(t, asking, tile)}
          action={t(`terminal.${asking.event === "completed" ? "complete" : asking.event === "aborted" ? "abort" : "start"}`)}
          close={() => { setAsking(null); }}
          confirm={() => {
            setAsking(null);
            say(asking.event, asking.operation);
          }}
        />
      )}
    </div>
  );
}

function confirmText(t: ReturnType<typeof useT>, asking: Said, tile: MachineTile): string {
  if (asking.event === "started") return t("terminal.replace_text", { current: tile.operation?.work_order ?? "" });
  const good = formatNumber(tile.operation?.good_pieces ?? asking.operation.good_pieces, t.language);
  const wanted = asking.operation.quantity_ordered;
  if (asking.event === "aborted") return t("terminal.abort_text", { good });
  return wanted === null ? t("terminal.complete_text", { good }) : t("terminal.complete_text_of", { good, wanted: formatNumber(wanted, t.language) });
}

function MachineState({ tile }: { tile: MachineTile }): ReactElement {
  const t = useT();
  const now = useNow();
  const since = timeOf(tile.state_since);
  return (
    <div className="terminal-state">
      <StateBadge state={tile.state} word={wordOf(t, "state", tile.state)} />
      <span className="faint">
        {since === null ? "" : t("tile.for", { duration: formatDuration(t, now - since) })}
        {tile.reason === null ? "" : ` · ${wordOf(t, "reason", tile.reason)}`}
      </span>
    </div>
  );
}

/** A slot of its own: what was pressed, whether it arrived, and what to do if not. */
function Feedback({ sending, waiting, age, retry }: { sending: Sending | null; waiting: boolean; age: number | null; retry: () => void }): ReactElement {
  const t = useT();
  if (age !== null) {
    return (
      <p className="feedback feedback-stale" role="alert" data-testid="stale">
        <Glyph name="offline" /> {t("stale.band", { age: formatDuration(t, age) })}
      </p>
    );
  }
  if (sending === null) return <p className="feedback feedback-silent" role="status" />;
  const what = wordOf(t, "said", sending.said.event);
  if (sending.phase === "failed") {
    return (
      <div className="feedback feedback-bad" role="alert" data-testid="job-failed">
        <span>
          <strong>{t("terminal.failed", { what, work_order: sending.said.operation.work_order })}</strong> {reasonOf(t, sending.error)}
        </span>
        <button type="button" className="touch" onClick={retry}>
          {t("action.retry")}
        </button>
      </div>
    );
  }
  if (!waiting) {
    return (
      <p className="feedback feedback-good" role="status">
        <Glyph name="completed" /> {t("terminal.arrived", { what, work_order: sending.said.operation.work_order })}
      </p>
    );
  }
  return (
    <p className="feedback" role="status">
      <Glyph name="waiting" /> {t(sending.phase === "late" ? "terminal.slow" : "terminal.sending", { what, work_order: sending.said.operation.work_order })}
    </p>
  );
}

/** What is asked of the machine, because the work is wanted no more, until it is ended here. */
function Asked({ path, operation, disabled }: { path: string; operation: CurrentOperation; disabled: boolean }): ReactElement {
  const t = useT();
  const [error, setError] = useState<unknown>(null);
  const [sent, setSent] = useState(false);
  const title = operation.asked === "stop" ? "terminal.asked.stop" : "terminal.asked.to_stock";
  const say = (): void => {
    setSent(true);
    setError(null);
    api.seen(path, operation.work_order).catch((problem: unknown) => {
      setSent(false);
      setError(problem);
    });
  };
  return (
    <div className="feedback feedback-bad" role="alert" data-testid="asked">
      <span>
        <strong>{t(title, { work_order: operation.work_order })}</strong> {operation.asked_because}
        {error !== null && <> · {reasonOf(t, error)}</>}
      </span>
      {operation.asked_seen === null ? (
        <button type="button" className="touch" disabled={disabled || sent} onClick={say} data-testid="asked-seen">
          {t("terminal.asked.seen")}
        </button>
      ) : (
        <span data-testid="asked-by">{t("terminal.asked.seen_by", { who: operation.asked_seen_by ?? "" })}</span>
      )}
    </div>
  );
}

function Current({ operation, tile, report, disabled, waiting }: { operation: CurrentOperation | null; tile: MachineTile; report: Report; disabled: boolean; waiting: boolean }): ReactElement {
  const t = useT();
  if (operation === null) {
    return (
      <section className="current" aria-label={t("terminal.current")}>
        <p className="current-none">{t("terminal.no_operation")}</p>
        <p className="faint">{t("terminal.no_operation_text")}</p>
        {tile.unassigned_good + tile.unassigned_scrap > 0 && <p>{t("terminal.unassigned", { good: formatNumber(tile.unassigned_good, t.language), scrap: formatNumber(tile.unassigned_scrap, t.language) })}</p>}
      </section>
    );
  }
  const made = shareMade(operation);
  return (
    <section className={`current${waiting ? " current-waiting" : ""}`} aria-label={t("terminal.current")}>
      <div className="current-what">
        <p className="current-order" data-testid="current-operation">
          {operation.work_order} · {operation.operation}
        </p>
        <StateBadge state={operation.state} word={wordOf(t, "job", operation.state)} />
      </div>
      <p className="current-item">{[operation.item, operation.name, operation.customer].filter((part) => part !== null).join(" · ")}</p>
      <div className="current-figures">
        <div>
          <span className="current-label">{t("terminal.good")}</span>
          <span className="current-good" data-testid="good" key={operation.good_pieces}>
            {formatNumber(operation.good_pieces, t.language)}
          </span>
          {operation.quantity_ordered !== null && <span className="current-of"> / {formatNumber(operation.quantity_ordered, t.language)}</span>}
        </div>
        <div>
          <span className="current-label">{t("terminal.scrap")}</span>
          <span className="current-scrap" data-testid="scrap">{formatNumber(operation.scrap_pieces, t.language)}</span>
        </div>
      </div>
      {made !== null && (
        <div className="progress progress-thick" role="progressbar" aria-label={t("tile.progress")} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.floor(made * 100)} ref={(element) => { element?.style.setProperty("--made", String(made)); }}>
          <span className="progress-fill">
            <span className="progress-made" />
          </span>
        </div>
      )}
      <div className="touch-row">
        {operation.state === "running" ? (
          <button type="button" className="touch" disabled={disabled} onClick={() => { report("paused", operation); }} data-testid="pause">
            <Glyph name="paused" />
            {t("terminal.pause")}
          </button>
        ) : (
          <button type="button" className="touch touch-primary" disabled={disabled || operation.asked === "stop"} onClick={() => { report("resumed", operation); }} data-testid="resume">
            <Glyph name="running" />
            {t("terminal.resume")}
          </button>
        )}
        <button type="button" className="touch touch-primary" disabled={disabled} onClick={() => { report("completed", operation); }} data-testid="complete">
          <Glyph name="completed" />
          {t("terminal.complete")}
        </button>
        <button type="button" className="touch touch-apart" disabled={disabled} onClick={() => { report("aborted", operation); }} data-testid="abort">
          <Glyph name="aborted" />
          {t("terminal.abort")}
        </button>
      </div>
    </section>
  );
}

function Waiting({ operation, report, disabled, zone: site }: { operation: CurrentOperation; report: Report; disabled: boolean; zone: string }): ReactElement {
  const t = useT();
  const now = useNow();
  const zone = useZone(site);
  const due = timeOf(operation.due);
  return (
    <li className="queue-item" data-testid={`queue-${operation.work_order}-${operation.operation}`}>
      <div className="queue-what">
        <strong>
          {operation.work_order} · {operation.operation}
        </strong>
        <span>{[operation.item, operation.name].filter((part) => part !== null).join(" · ")}</span>
        <span className="faint">
          {operation.quantity_ordered !== null && t("terminal.wanted", { good: formatNumber(operation.good_pieces, t.language), wanted: formatNumber(operation.quantity_ordered, t.language) })}
          {due !== null && <> · {t("terminal.due", { date: formatShortMoment(t, due, now, zone) })}</>}
          {operation.customer !== null && <> · {operation.customer}</>}
        </span>
      </div>
      <button type="button" className="touch touch-primary" disabled={disabled} onClick={() => { report("started", operation); }} data-testid="start">
        <Glyph name="running" />
        {t("terminal.start")}
      </button>
    </li>
  );
}

function TerminalSkeleton({ path }: { path: string }): ReactElement {
  const t = useT();
  return (
    <div className="terminal" aria-busy="true">
      <p className="hidden-words">{t("state.loading")}</p>
      <header className="terminal-head">
        <h1>{path.split("/").at(-1)}</h1>
        <Skeleton width="160px" height="32px" />
      </header>
      <section className="current">
        <Skeleton width="40%" height="32px" />
        <Skeleton width="60%" height="24px" />
        <Skeleton width="50%" height="64px" />
        <Skeleton width="100%" height="72px" />
      </section>
      <Skeleton width="100%" height="88px" />
    </div>
  );
}
