import type { ReactElement } from "react";
import { formatDuration, formatShortMoment } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import type { Alarm } from "./api.ts";
import { PriorityBadge } from "./badge.tsx";
import { useAlarms } from "./language.tsx";
import { asks } from "./priorities.ts";
import { subjectOf } from "./subject.ts";
import { alarmName, whyOf } from "./words.ts";

interface RowProps {
  alarm: Alarm;
  index: number;
  now: number;
  zone: string;
  atCursor: boolean;
  chosen: boolean;
  opened: boolean;
  choose?: (range: boolean) => void;
  acknowledge?: () => void;
  open: () => void;
}

/** One alarm of the list. What it waits for has a word; colour and shape only repeat it. */
export function AlarmListRow({ alarm, index, now, zone, atCursor, chosen, opened, choose, acknowledge, open }: RowProps): ReactElement {
  const t = useAlarms();
  const asking = asks(alarm);
  const classes = ["alarm-row", `alarm-row-${alarm.priority}`, asking ? "alarm-row-asks" : "", alarm.active ? "" : "alarm-row-over", atCursor ? "alarm-row-cursor" : "", opened ? "alarm-row-open" : ""];
  return (
    <div role="row" id={`alarm-row-${index}`} aria-selected={chosen} className={classes.filter((name) => name !== "").join(" ")} data-testid="alarm-row" data-alarm={alarm.id} data-cause={alarm.cause} data-state={alarm.state}>
      <span role="gridcell" className="alarm-cell-pick">
        {choose !== undefined && (
          <label className="pick">
            <input type="checkbox" aria-label={t("alarms.choose", { what: `${alarmName(t, alarm)}, ${subjectOf(alarm)}` })} checked={chosen} onChange={() => undefined} onClick={(event) => { choose(event.shiftKey); }} />
          </label>
        )}
      </span>
      <span role="gridcell" className="alarm-cell-priority">
        <PriorityBadge t={t} priority={alarm.priority} act={asking && alarm.active} />
      </span>
      <span role="gridcell" className="alarm-cell-what">
        <button type="button" className="alarm-open" onClick={open} data-testid="alarm-open">
          {alarmName(t, alarm)}
        </button>
        <span className="alarm-subject">{subjectOf(alarm)}</span>
        <small>{whyOf(t, alarm, now, zone)}</small>
      </span>
      <span role="gridcell" className="alarm-cell-state">
        <span data-testid="row-state">{wordOf(t, "alarm_state", alarm.state)}</span>
        {alarm.state === "shelved" && alarm.shelved_until !== null && <small>{t("alarms.until", { when: formatShortMoment(t, Date.parse(alarm.shelved_until), now, zone) })}</small>}
        {alarm.state === "acknowledged" && alarm.acknowledged_by !== null && <small>{alarm.acknowledged_by}</small>}
      </span>
      <span role="gridcell" className="alarm-cell-age">
        <time dateTime={alarm.raised_at}>{formatDuration(t, now - Date.parse(alarm.raised_at))}</time>
        {alarm.occurrence > 1 && <small>{t("alarms.times", { n: alarm.occurrence })}</small>}
      </span>
      <span role="gridcell" className="alarm-cell-who">
        {alarm.assigned_to !== null && <span>{t("alarms.sees_to", { name: alarm.assigned_to })}</span>}
      </span>
      <span role="gridcell" className="alarm-cell-do">
        {asking && acknowledge !== undefined && (
          <button type="button" className="button button-small" onClick={acknowledge} data-testid="row-acknowledge" aria-label={t("alarms.acknowledge_what", { what: `${alarmName(t, alarm)}, ${subjectOf(alarm)}` })}>
            {t("alarms.acknowledge")}
          </button>
        )}
      </span>
    </div>
  );
}
