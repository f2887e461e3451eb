import type { ReactElement } from "react";
import type { StaffTranslator } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { Glyph } from "../ui/glyph.tsx";
import type { AlarmPriority } from "./api.ts";
import { isStarter } from "./priorities.ts";

/** What both the bar's words and the screens' know. */
type Words = Pick<StaffTranslator, "has" | "language"> & StaffTranslator;

/** How urgent an alarm is: colour, shape and word. */
export function PriorityBadge({ t, priority, act = false }: { t: Words; priority: AlarmPriority; act?: boolean }): ReactElement {
  return (
    <span className={`alarm-priority alarm-${priority}${act && priority === "critical" ? " act-now" : ""}`}>
      <Glyph name={`alarm_${priority}`} />
      <span>{wordOf(t, "alarm_priority", priority)}</span>
    </span>
  );
}

/** An alarm's name: a rule that came with the installation in the reader's language. */
export function alarmName(t: Words, alarm: { rule: string; name: string }): string {
  return isStarter(alarm.rule, alarm.name) ? wordOf(t, "alarm_starter", alarm.rule) : alarm.name;
}
