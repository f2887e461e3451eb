import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState, type ReactElement } from "react";
import { tell } from "../app/toasts.tsx";
import { formatDuration } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useBlink } from "../ui/blink.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { reasonOf } from "../ui/states.tsx";
import { alarmApi, type Alarm } from "./api.ts";
import { alarmName, PriorityBadge } from "./badge.tsx";
import { subjectOf } from "./subject.ts";
import { ALARMS, useUrgent, type Urgent } from "./urgent.ts";
import "./strip.css";

const ShelveOne = lazy(() => import("./decide.tsx").then((module) => ({ default: module.ShelveApart })));

/**
 * The most urgent alarm that nobody has answered, on every screen: a line of its own below the bar,
 * with a slot that is always there, so that nothing moves or is covered when one comes.
 */
export function AlarmStrip(): ReactElement | null {
  const reads = usePermission("read");
  return reads ? <Strip /> : null;
}

function Strip(): ReactElement {
  const t = useT();
  const { urgent } = useUrgent();
  const first = urgent?.items[0];
  return (
    <section className={`alarm-strip${first === undefined ? "" : ` alarm-strip-${first.priority}`}`} aria-label={t("alarms.strip")} data-testid="alarm-strip" data-count={urgent?.total ?? ""}>
      <Spoken urgent={urgent} />
      {urgent === undefined ? (
        <span className="alarm-strip-none" data-testid="alarm-strip-unknown">{t("alarms.unknown")}</span>
      ) : first === undefined ? (
        <span className="alarm-strip-none">
          <Glyph name="alarm_none" />
          {t("alarms.none")}
        </span>
      ) : (
        <First alarm={first} more={urgent.total - 1} />
      )}
      <Link to="/alarms" className="button button-quiet alarm-strip-all" data-testid="alarm-strip-all">
        {urgent !== undefined && urgent.total > 1 ? t("alarms.more", { n: urgent.total - 1 }) : t("alarms.all")}
      </Link>
    </section>
  );
}

function First({ alarm, more }: { alarm: Alarm; more: number }): ReactElement {
  const t = useT();
  const now = useNow();
  const may = usePermission("alarms");
  const queries = useQueryClient();
  const [shelving, setShelving] = useState<Alarm | null>(null);
  useBlink();
  const acknowledge = useMutation({
    mutationFn: () => alarmApi.acknowledge([alarm], ""),
    onSuccess: ({ refused }) => { tell(refused.length === 0 ? t("alarms.acknowledged", { name: alarmName(t, alarm), subject: subjectOf(alarm) }) : t("alarms.moved_on", { name: alarmName(t, alarm), subject: subjectOf(alarm) }), { bad: refused.length > 0 }); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: ALARMS }),
  });
  return (
    <>
      <Link to="/alarms" search={{ alarm: alarm.id }} className="alarm-strip-first" data-testid="alarm-strip-first">
        <PriorityBadge t={t} priority={alarm.priority} act />
        <strong>{alarmName(t, alarm)}</strong>
        {more > 0 && <span className="alarm-strip-count">{t("alarms.more", { n: more })}</span>}
        <span className="alarm-strip-subject">{subjectOf(alarm)}</span>
        <span className="alarm-strip-age">{formatDuration(t, now - Date.parse(alarm.raised_at))}</span>
      </Link>
      {may && (
        <span className="alarm-strip-actions">
          <button type="button" className="button button-small" disabled={acknowledge.isPending} onClick={() => { acknowledge.mutate(); }} data-testid="alarm-strip-acknowledge">
            {t("alarms.acknowledge")}
          </button>
          <button type="button" className="button button-small button-quiet alarm-strip-shelve" onClick={() => { setShelving(alarm); }}>
            {t("alarms.shelve")}
          </button>
        </span>
      )}
      {shelving !== null && (
        <Suspense fallback={null}>
          <ShelveOne alarm={shelving} close={() => { setShelving(null); }} />
        </Suspense>
      )}
    </>
  );
}

/** Says once which alarm is the most urgent now; a critical one interrupts what is being read out. */
function Spoken({ urgent }: { urgent: Urgent | undefined }): ReactElement {
  const t = useT();
  const first = urgent?.items[0];
  const words = first === undefined ? "" : t("alarms.spoken", { priority: wordOf(t, "alarm_priority", first.priority), name: alarmName(t, first), subject: subjectOf(first), n: urgent?.total ?? 0 });
  const critical = first?.priority === "critical";
  return (
    <>
      <span className="hidden-words" aria-live="assertive" data-testid="alarm-spoken">
        {critical ? words : ""}
      </span>
      <span className="hidden-words" aria-live="polite">
        {critical ? "" : words}
      </span>
    </>
  );
}
