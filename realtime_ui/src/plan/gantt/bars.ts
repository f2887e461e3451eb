import type { PlanBar, PlanMachine, PlanResource } from "../../api/types.ts";
import { timeOf } from "../../i18n/format.ts";

/** A span of time in epoch milliseconds. */
export interface Span {
  from: number;
  to: number;
}

/** An operation as the chart draws it: its times as numbers. */
export interface Bar {
  id: number;
  view: PlanBar;
  /** The published plan; null while it is in no plan. */
  planned: Span | null;
  setupFrom: number | null;
  /** What really happened and will; null until it is projected. */
  projected: Span | null;
  /** When a new plan moved it last, in the page's clock; for the mark that shows so. */
  movedAt: number | null;
  /** Where it was drawn before that plan. */
  movedFrom: Place | null;
  /** Of a bar that stands for all that an oven takes at once: what is in it, itself among them. */
  batch?: readonly Bar[];
}

/** Where a bar is drawn: its upper and lower half, and the machine that it is planned on. */
export interface Place {
  planned: Span | null;
  projected: Span | null;
  machine: string | null;
}

/** A time in which a machine, or somebody, does not work, and the code of its reason. */
export interface Closure extends Span {
  why: string;
  /** Of several alike, where it is not all of them. */
  units?: number;
}

/** A machine's row: what the plant says, with times as numbers. */
export interface MachineRow {
  view: PlanMachine;
  unavailable: readonly Closure[];
}

/** A person, a tool or several alike: what the plant says, with times as numbers. */
export interface ResourceRow {
  view: PlanResource;
  unavailable: readonly Closure[];
}

/** Within this of its due date an order counts as on time. */
const ON_TIME_MINUTES = 5;
/** Early by less than this is worth watching. */
const TIGHT_MINUTES = 120;

const STARTED: readonly string[] = ["running", "paused", "interrupted"];
const OVER: readonly string[] = ["completed", "aborted", "cancelled"];

function spanOf(from: string | null, to: string | null): Span | null {
  const [start, end] = [timeOf(from), timeOf(to)];
  return start === null || end === null ? null : { from: start, to: Math.max(start, end) };
}

export function barOf(view: PlanBar, before: Bar | undefined, now: number): Bar {
  const planned = spanOf(view.start, view.end);
  const moved = before?.planned != null && planned !== null && (before.view.machine !== view.machine || before.planned.from !== planned.from);
  return {
    id: view.operation_id,
    view,
    planned,
    setupFrom: timeOf(view.setup_start),
    projected: spanOf(view.projected_start, view.projected_end),
    movedAt: moved ? now : (before?.movedAt ?? null),
    movedFrom: moved ? { planned: before.planned, projected: before.projected, machine: before.view.machine } : (before?.movedFrom ?? null),
  };
}

function closuresOf(told: readonly (readonly string[])[]): Closure[] {
  return told.flatMap(([from, to, why, units]) => {
    const span = spanOf(from ?? null, to ?? null);
    return span === null ? [] : [{ ...span, why: why ?? "closed", ...(units === undefined ? {} : { units: Number(units) }) }];
  });
}

export function machineOf(view: PlanMachine): MachineRow {
  return { view, unavailable: closuresOf(view.unavailable) };
}

export function resourceOf(view: PlanResource): ResourceRow {
  return { view, unavailable: closuresOf(view.unavailable) };
}

export function hasStarted(bar: Bar): boolean {
  return STARTED.includes(bar.view.state) || OVER.includes(bar.view.state);
}

export function isOver(bar: Bar): boolean {
  return OVER.includes(bar.view.state);
}

export type Risk = "late" | "tight" | "on_time" | "unknown";

/** How its order stands against its due date. */
export function riskOf(bar: Bar): Risk {
  const minutes = bar.view.lateness_minutes;
  if (minutes === null) return "unknown";
  if (minutes > ON_TIME_MINUTES) return "late";
  return minutes > -TIGHT_MINUTES && !isOver(bar) ? "tight" : "on_time";
}

/** Where it is drawn below the plan: on the machine it is on or goes to, in its projected time. */
export function lowerSpan(bar: Bar): Span | null {
  return bar.projected ?? bar.planned;
}

export function lowerMachine(bar: Bar): string | null {
  return bar.view.projected_machine ?? bar.view.machine;
}
