import type { AlarmPriority, AlarmState } from "./api.ts";

/** The most urgent first. */
export const PRIORITIES: readonly AlarmPriority[] = ["critical", "high", "medium", "low"];

/** ISA-18.2's states that ask somebody for an acknowledgement. */
export const ASKING: readonly AlarmState[] = ["unacknowledged", "returned", "latched_unacknowledged"];
/** Those that stand in the list of alarms. */
export const STANDING: readonly AlarmState[] = [...ASKING, "acknowledged", "latched_acknowledged"];
/** Put aside: by somebody, or because another alarm explains it. */
export const ASIDE: readonly AlarmState[] = ["shelved", "suppressed", "out_of_service"];

export const asks = (alarm: { state: AlarmState }): boolean => ASKING.includes(alarm.state);

/** The names of the rules with which an installation begins, as it spells them (`domain.alarms.starter`). */
const STARTER: ReadonlyMap<string, string> = new Map([
  ["line-down", "Line down"],
  ["machine-down", "Machine down"],
  ["no-parts", "No parts"],
  ["machine-silent", "Machine silent"],
  ["pace-low", "Pace below plan"],
  ["scrap-high", "Scrap rate high"],
  ["order-at-risk", "Order at risk"],
  ["order-late", "Order late"],
  ["shortage", "Material short"],
  ["plan-infeasible", "No plan possible"],
  ["dead-letters", "Messages refused"],
  ["gateway-offline", "Gateway offline"],
]);

/** Whether a rule is called what it was called at the beginning: then its name is in every language. */
export const isStarter = (rule: string, name: string): boolean => STARTER.get(rule) === name;
