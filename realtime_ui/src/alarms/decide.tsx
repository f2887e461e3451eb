import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { tell } from "../app/toasts.tsx";
import { Decision } from "../desk/decide.tsx";
import { formatDuration } from "../i18n/format.ts";
import { useSession } from "../session/session.ts";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { alarmApi, type Alarm, type Verb } from "./api.ts";
import { AlarmWords, useAlarms } from "./language.tsx";
import { subjectOf } from "./subject.ts";
import { ALARMS } from "./urgent.ts";
import { alarmName } from "./words.ts";

const MINUTE_MS = 60_000;
const SHELVES = [15, 60, 240, 480, 1_440, 10_080];

/** What an alarm is called in a sentence. */
export function nameOf(t: ReturnType<typeof useAlarms>, alarm: Alarm): string {
  return t("alarms.of", { name: alarmName(t, alarm), subject: subjectOf(alarm) });
}

function useAfter(): () => Promise<unknown> {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: ALARMS });
}

interface OneProps {
  alarm: Alarm;
  close: () => void;
}

/** Put an alarm aside for a time that its rule allows, for a reason. */
export function Shelve({ alarm, close }: OneProps): ReactElement {
  const t = useAlarms();
  const after = useAfter();
  const most = alarm.shelve_minutes;
  const choices = [...SHELVES.filter((minutes) => minutes < most), most];
  const [minutes, setMinutes] = useState(String(choices.find((each) => each >= 60) ?? most));
  const [reason, setReason] = useState("");
  const shelve = useMutation({
    mutationFn: () => alarmApi.shelve(alarm.id, Number(minutes), reason.trim()),
    onSuccess: () => {
      tell(t("alarms.shelved", { what: nameOf(t, alarm), time: formatDuration(t, Number(minutes) * MINUTE_MS) }));
      close();
    },
    onSettled: after,
  });
  return (
    <Dialog title={t("alarms.shelve_title", { what: nameOf(t, alarm) })} text={t("alarms.shelve_text", { time: formatDuration(t, most * MINUTE_MS) })} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          shelve.mutate();
        }}
      >
        <fieldset className="alarm-choices">
          <legend>{t("alarms.shelve_minutes")}</legend>
          {choices.map((each) => (
            <button key={each} type="button" className="chip" aria-pressed={Number(minutes) === each} onClick={() => { setMinutes(String(each)); }}>
              {formatDuration(t, each * MINUTE_MS)}
            </button>
          ))}
          <label className="field alarm-minutes">
            <span>{t("alarms.minutes")}</span>
            <input type="number" name="minutes" required min={1} max={most} step={1} value={minutes} onChange={(event) => { setMinutes(event.target.value); }} />
          </label>
        </fieldset>
        <label className="field">
          <span>{t("alarms.reason")}</span>
          <textarea name="reason" required rows={2} maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
        </label>
        <FormFoot error={shelve.error} waiting={shelve.isPending || reason.trim() === ""} action={t("alarms.shelve")} close={close} />
      </form>
    </Dialog>
  );
}

/** The same where the words of alarms are not there yet: from the line below the bar. */
export function ShelveApart(props: OneProps): ReactElement {
  return (
    <AlarmWords skeleton={null}>
      <Shelve {...props} />
    </AlarmWords>
  );
}

/** Say who sees to an alarm: oneself, somebody by their account's name, nobody. */
export function Assign({ alarm, known, close }: OneProps & { known: readonly string[] }): ReactElement {
  const t = useAlarms();
  const after = useAfter();
  const me = useSession().data?.name ?? "";
  const [to, setTo] = useState(alarm.assigned_to ?? me);
  const assign = useMutation({
    mutationFn: (name: string | null) => alarmApi.assign(alarm.id, name),
    onSuccess: (now) => {
      tell(now.assigned_to === null ? t("alarms.assigned_nobody", { what: nameOf(t, alarm) }) : t("alarms.assigned", { what: nameOf(t, alarm), name: now.assigned_to }));
      close();
    },
    onSettled: after,
  });
  return (
    <Dialog title={t("alarms.assign_title", { what: nameOf(t, alarm) })} text={t("alarms.assign_text")} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          assign.mutate(to.trim());
        }}
      >
        <label className="field">
          <span>{t("alarms.assign_to")}</span>
          <input name="to" required maxLength={100} list="alarm-people" autoComplete="off" value={to} onChange={(event) => { setTo(event.target.value); }} />
        </label>
        <datalist id="alarm-people">
          {[...new Set([me, ...known])].map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        {alarm.assigned_to !== null && (
          <p>
            <button type="button" className="button" disabled={assign.isPending} onClick={() => { assign.mutate(null); }}>
              {t("alarms.assign_nobody")}
            </button>
          </p>
        )}
        <FormFoot error={assign.error} waiting={assign.isPending || to.trim() === ""} action={t("alarms.assign")} close={close} />
      </form>
    </Dialog>
  );
}

/** Unshelve, reset, out of service and back: one question each. */
export function Tell({ alarm, verb, close }: OneProps & { verb: Verb }): ReactElement {
  const t = useAlarms();
  return (
    <Decision
      title={t(`alarm_verb_title.${verb}`, { what: nameOf(t, alarm) })}
      text={t(`alarm_verb_text.${verb}`)}
      reason={verb === "remove" ? "needed" : "optional"}
      danger={verb === "remove"}
      action={t(`alarm_verb.${verb}`)}
      done={t(`alarm_verb_done.${verb}`, { what: nameOf(t, alarm) })}
      run={(reason) => alarmApi.tell(alarm.id, verb, reason)}
      after={useAfter()}
      close={close}
    />
  );
}

/** An alarm as it was when somebody chose it. */
export interface Seen {
  alarm: Alarm;
  occurrence: number;
}

/** Acknowledges alarms as they were seen; `refused` hears of those that were not. */
export function useAcknowledge(refused: (which: readonly Seen[]) => void): (seen: readonly Seen[], reason: string) => Promise<void> {
  const t = useAlarms();
  const after = useAfter();
  return async (seen, reason) => {
    try {
      const answer = await alarmApi.acknowledge(seen.map((each) => ({ id: each.alarm.id, occurrence: each.occurrence })), reason);
      const [only] = seen;
      if (answer.acknowledged.length > 0) tell(seen.length === 1 && only !== undefined ? t("alarms.acknowledged", { name: alarmName(t, only.alarm), subject: subjectOf(only.alarm) }) : t("alarms.acknowledged_n", { n: answer.acknowledged.length }));
      refused(seen.filter((each) => answer.refused.includes(each.alarm.id)));
    } finally {
      await after();
    }
  };
}

/** Acknowledge one or many with something to say about it. */
export function AcknowledgeFor({ seen, acknowledge, close }: { seen: readonly Seen[]; acknowledge: (seen: readonly Seen[], reason: string) => Promise<void>; close: () => void }): ReactElement {
  const t = useAlarms();
  const [first] = seen;
  const [reason, setReason] = useState("");
  const run = useMutation({ mutationFn: () => acknowledge(seen, reason.trim()), onSuccess: close });
  return (
    <Dialog title={seen.length === 1 && first !== undefined ? t("alarms.acknowledge_title", { what: nameOf(t, first.alarm) }) : t("alarms.acknowledge_many", { n: seen.length })} text={t("alarms.acknowledge_text")} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run.mutate();
        }}
      >
        <label className="field">
          <span>{t("alarms.reason_optional")}</span>
          <textarea name="reason" rows={3} maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
        </label>
        <FormFoot error={run.error} waiting={run.isPending} action={t("alarms.acknowledge")} close={close} />
      </form>
    </Dialog>
  );
}
