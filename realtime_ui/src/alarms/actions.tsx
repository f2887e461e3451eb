import { useState, type ReactElement } from "react";
import { usePermission } from "../session/session.ts";
import type { Alarm, Verb } from "./api.ts";
import { Assign, Shelve, Tell } from "./decide.tsx";
import { useAlarms } from "./language.tsx";
import { asks } from "./priorities.ts";

/** What can be done to an alarm besides acknowledging it, as it stands. */
export function verbsOf(alarm: Alarm): readonly (Verb | "shelve")[] {
  if (alarm.state === "out_of_service") return ["return"];
  const shelf: Verb | "shelve" = alarm.shelved_until === null ? "shelve" : "unshelve";
  return [shelf, ...(alarm.state === "latched_unacknowledged" || alarm.state === "latched_acknowledged" ? (["reset"] as const) : []), "remove"];
}

interface ActionsProps {
  alarm: Alarm;
  known: readonly string[];
  acknowledge: () => void;
  withReason: () => void;
}

/** The buttons of the detail panel. */
export function Actions({ alarm, known, acknowledge, withReason }: ActionsProps): ReactElement | null {
  const t = useAlarms();
  const may = usePermission("alarms");
  const [open, setOpen] = useState<Verb | "shelve" | "assign" | null>(null);
  if (!may) return null;
  const close = (): void => { setOpen(null); };
  return (
    <div className="actions">
      {asks(alarm) && (
        <>
          <button type="button" className="button button-primary" onClick={acknowledge} data-testid="panel-acknowledge">
            {t("alarms.acknowledge")}
          </button>
          <button type="button" className="button" onClick={withReason}>
            {t("alarms.with_reason")}
          </button>
        </>
      )}
      <button type="button" className="button" onClick={() => { setOpen("assign"); }} data-testid="panel-assign">
        {t("alarms.assign")}
      </button>
      {verbsOf(alarm).map((verb) => (
        <button key={verb} type="button" className="button" onClick={() => { setOpen(verb); }} data-testid={`panel-${verb}`}>
          {verb === "shelve" ? t("alarms.shelve") : t(`alarm_verb.${verb}`)}
        </button>
      ))}
      {open === "shelve" && <Shelve alarm={alarm} close={close} />}
      {open === "assign" && <Assign alarm={alarm} known={known} close={close} />}
      {open !== null && open !== "shelve" && open !== "assign" && <Tell alarm={alarm} verb={open} close={close} />}
    </div>
  );
}
