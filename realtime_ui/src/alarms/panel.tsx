import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState, type ReactElement, type ReactNode } from "react";
import { Problem } from "../api/problem.ts";
import { useZone } from "../app/sites.ts";
import { formatDuration, formatMoment, formatNumber, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { Actions } from "./actions.tsx";
import { alarmApi, type AlarmDetails } from "./api.ts";
import { PriorityBadge } from "./badge.tsx";
import { AcknowledgeFor, useAcknowledge, type Seen } from "./decide.tsx";
import { useAlarms } from "./language.tsx";
import { subjectOf } from "./subject.ts";
import { ALARMS } from "./urgent.ts";
import { Ways } from "./ways.tsx";
import { alarmName, messageWords, responseOf, whyOf, whyTold } from "./words.ts";

const REFRESH_MS = 10_000;
const ENTRIES = 50;

interface PanelProps {
  id: number;
  known: readonly string[];
  refused: (which: readonly Seen[]) => void;
  close: () => void;
}

/** One alarm: why, what to do, where to look, what happened, who was told. */
export function AlarmPanel({ id, known, refused, close }: PanelProps): ReactElement {
  const t = useAlarms();
  const heading = useRef<HTMLHeadingElement>(null);
  const alarm = useQuery({ queryKey: [...ALARMS, "one", id], queryFn: () => alarmApi.one(id), refetchInterval: REFRESH_MS });
  const here = alarm.data !== undefined;
  useEffect(() => { if (here) heading.current?.focus({ preventScroll: true }); }, [here, id]);
  const missing = alarm.error instanceof Problem && alarm.error.status === 404;
  return (
    // Esc bubbles up from whatever has the focus in it: the element itself is nothing to act on.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <aside className="alarm-panel" aria-label={t("alarms.details")} data-testid="alarm-panel" onKeyDown={(event) => { if (event.key === "Escape" && !event.defaultPrevented) close(); }}>
      <button type="button" className="button button-quiet alarm-panel-close" aria-label={t("action.close")} onClick={close}>
        <Glyph name="close" />
      </button>
      {missing ? (
        <Empty title={t("alarms.gone")} />
      ) : alarm.data === undefined ? (
        alarm.isError ? <Failed what={t("alarms.failed")} error={alarm.error} retry={() => void alarm.refetch()} /> : <Skeleton width="100%" height="320px" />
      ) : (
        <>
          <h2 ref={heading} tabIndex={-1}>{alarmName(t, alarm.data)}</h2>
          <Details alarm={alarm.data} known={known} refused={refused} />
        </>
      )}
    </aside>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Details({ alarm, known, refused }: { alarm: AlarmDetails; known: readonly string[]; refused: (which: readonly Seen[]) => void }): ReactElement {
  const t = useAlarms();
  const now = useNow();
  const zone = useZone(alarm.site ?? "");
  const acknowledge = useAcknowledge(refused);
  const [telling, setTelling] = useState<readonly Seen[] | null>(null);
  const seen = [{ alarm, occurrence: alarm.occurrence }];
  const moment = (text: string | null): string | null => {
    const at = timeOf(text);
    return at === null ? null : formatMoment(t, at, now, zone);
  };
  const since = moment(alarm.since);
  const cleared = alarm.active ? null : moment(alarm.cleared_at);
  return (
    <>
      <p className="alarm-standing">
        <PriorityBadge t={t} priority={alarm.priority} />
        <strong data-testid="panel-state">{wordOf(t, "alarm_state", alarm.state)}</strong>
      </p>
      <p className="alarm-subject">{subjectOf(alarm)}{alarm.site === null ? "" : ` · ${alarm.site}`}</p>
      <p>{whyOf(t, alarm, now, zone)}</p>
      <p className="alarm-response">
        <strong>{t("alarms.response")}</strong> {responseOf(t, alarm)}
      </p>
      <Actions alarm={alarm} known={known} acknowledge={() => { void acknowledge(seen, ""); }} withReason={() => { setTelling(seen); }} />
      <Ways alarm={alarm} />
      <dl className="alarm-facts">
        <Fact name={t("alarms.raised")}>
          {moment(alarm.raised_at)} <span className="faint">{t("alarms.ago", { time: formatDuration(t, now - Date.parse(alarm.raised_at)) })}</span>
        </Fact>
        {since !== null && <Fact name={t("alarms.since")}>{since}</Fact>}
        {cleared !== null && <Fact name={t("alarms.cleared")}>{cleared}</Fact>}
        <Fact name={t("alarms.count")}>{t("alarms.times", { n: alarm.occurrence })}</Fact>
        {alarm.acknowledged_by !== null && <Fact name={t("alarms.acknowledged_by")}>{t("alarms.by_at", { name: alarm.acknowledged_by, when: moment(alarm.acknowledged_at) ?? "–" })}</Fact>}
        <Fact name={t("alarms.assigned_to")}>{alarm.assigned_to ?? t("alarms.nobody")}</Fact>
        {alarm.shelved_until !== null && <Fact name={t("alarms.shelved_until")}>{t("alarms.by_at", { name: alarm.shelved_by ?? "–", when: moment(alarm.shelved_until) ?? "–" })}</Fact>}
        {alarm.suppressed_by !== null && alarm.state === "suppressed" && <Fact name={t("alarms.suppressed_by")}>{alarm.suppressed_by}</Fact>}
        <Fact name={t("alarms.rule")}>
          {alarm.rule} <span className="faint">{t("alarms.rule_version", { n: alarm.rule_version })}</span>
        </Fact>
      </dl>
      <Uncovered alarm={alarm} zone={zone} />
      <Messages alarm={alarm} zone={zone} />
      <Journal id={alarm.id} zone={zone} />
      {telling !== null && <AcknowledgeFor seen={telling} acknowledge={acknowledge} close={() => { setTelling(null); }} />}
    </>
  );
}

/** Steps that reached nobody, or not everybody: somebody has to know that a rota is empty. */
function Uncovered({ alarm, zone }: { alarm: AlarmDetails; zone: string }): ReactElement | null {
  const t = useAlarms();
  const now = useNow();
  const open = alarm.steps.filter((step) => step.uncovered.length > 0);
  if (open.length === 0) return null;
  return (
    <section className="alarm-uncovered" role="note" data-testid="alarm-uncovered">
      <h3>
        <Glyph name="alarm_high" /> {t("alarms.uncovered")}
      </h3>
      <ul>
        {open.map((step) => (
          <li key={`${step.occurrence} ${step.raised_at} ${step.step}`}>{t("alarms.uncovered_step", { n: step.step + 1, when: formatMoment(t, Date.parse(step.made_at), now, zone), whom: step.uncovered.join(", ") })}</li>
        ))}
      </ul>
    </section>
  );
}

function Messages({ alarm, zone }: { alarm: AlarmDetails; zone: string }): ReactElement {
  const t = useAlarms();
  const now = useNow();
  return (
    <section>
      <h3>{t("alarms.messages")}</h3>
      {alarm.messages.length === 0 ? (
        <p className="faint">{t(alarm.steps.length === 0 ? "alarms.no_escalation" : "alarms.no_messages")}</p>
      ) : (
        <ul className="alarm-log" data-testid="alarm-messages">
          {alarm.messages.map((message) => (
            <li key={message.message_id} className={`alarm-sent alarm-sent-${message.state}`}>
              <Glyph name={message.state === "sent" || message.state === "told" ? "completed" : message.state === "given_up" ? "alarm_high" : "waiting"} />
              <div>
                <p>
                  <strong>{message.recipient}</strong> <span className="faint">{wordOf(t, "alarm_channel", message.channel)} · {whyTold(t, message.why)}</span>
                </p>
                <p>{messageWords(t, message, now, zone)}</p>
                {message.last_error !== null && <p className="faint">{message.last_error}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Journal({ id, zone }: { id: number; zone: string }): ReactElement {
  const t = useAlarms();
  const now = useNow();
  const journal = useQuery({ queryKey: [...ALARMS, "journal", id], queryFn: () => alarmApi.history({ alarm: id, limit: ENTRIES, offset: 0 }), refetchInterval: REFRESH_MS });
  return (
    <section>
      <h3>{t("alarms.journal")}</h3>
      {journal.data === undefined ? (
        journal.isError ? <Failed what={t("alarms.failed")} error={journal.error} retry={() => void journal.refetch()} /> : <Skeleton width="100%" height="96px" />
      ) : (
        <>
          <ol className="alarm-log" data-testid="alarm-journal">
            {journal.data.items.map((entry) => (
              <li key={entry.id}>
                <time dateTime={entry.at}>{formatMoment(t, Date.parse(entry.at), now, zone)}</time>
                <div>
                  <p>
                    <strong>{wordOf(t, "alarm_event", entry.event)}</strong> <span className="faint">{t("alarms.by_no", { name: entry.actor, n: formatNumber(entry.occurrence, t.language) })}</span>
                  </p>
                  {entry.before !== entry.after && <p className="faint">{wordOf(t, "alarm_state", entry.before)} → {wordOf(t, "alarm_state", entry.after)}</p>}
                  {entry.reason !== null && <p>{entry.reason}</p>}
                </div>
              </li>
            ))}
          </ol>
          {journal.data.total > ENTRIES && (
            <Link to="/alarms/history" search={{ alarm: id }}>
              {t("alarms.journal_all", { n: journal.data.total })}
            </Link>
          )}
        </>
      )}
    </section>
  );
}
