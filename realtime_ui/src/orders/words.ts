import type { LateCause, OrderView } from "../api/types.ts";
import { lastPart, type MachineName } from "../app/machines.ts";
import { formatDuration } from "../i18n/format.ts";
import type { StaffTranslator } from "../i18n/staff.tsx";

/** Within this of its due date an order counts as on time. */
const ON_TIME_MINUTES = 5;
/** An order that is early by less than this is worth watching. */
const TIGHT_MINUTES = 120;

export type Risk = "late" | "tight" | "none";

/** Lateness in words: "2 h early", "late 1 d". Null when nothing is projected yet. */
export function latenessWords(t: StaffTranslator, minutes: number | null): string | null {
  if (minutes === null) return null;
  const duration = formatDuration(t, minutes * 60_000);
  if (minutes > ON_TIME_MINUTES) return t("late.late", { duration });
  if (minutes < -ON_TIME_MINUTES) return t("late.early", { duration });
  return t("late.on_time");
}

export function riskOf(order: Pick<OrderView, "lateness_minutes" | "state">): Risk {
  const minutes = order.lateness_minutes;
  if (minutes === null || order.state === "cancelled") return "none";
  if (minutes > ON_TIME_MINUTES) return "late";
  return order.state !== "produced" && minutes > -TIGHT_MINUTES ? "tight" : "none";
}

/** What an order waits for, in words; the code may carry a machine after a colon. */
export function waitsForWords(t: StaffTranslator, code: string | null, nameOf: MachineName = lastPart): string | null {
  if (code === null) return null;
  const [kind = "", ...rest] = code.split(":");
  const subject = nameOf(rest.join(":"));
  if (subject !== "" && kind === "machine") return t("waits.machine", { machine: subject });
  if (subject !== "" && kind === "operator") return t("waits.operator", { machine: subject });
  if (kind === "release") return t("waits.release");
  if (kind === "hold") return t("waits.hold");
  if (kind === "material") return t("waits.material");
  if (kind === "machine") return t("waits.no_machine");
  return code;
}

/** One link of the chain that makes an order late, in words. */
export function becauseWords(t: StaffTranslator, link: LateCause, nameOf: MachineName = lastPart): string {
  const machine = nameOf(link.machine ?? "");
  const behind = link.behind == null ? "" : `${link.behind.work_order} · ${link.behind.operation}`;
  const duration = formatDuration(t, (link.wait_minutes ?? 0) * 60_000);
  switch (link.cause) {
    case "machine_busy":
      return t("because.machine_busy", { machine, behind, duration });
    case "predecessor":
      return t("because.predecessor", { behind, duration });
    case "unavailable":
      return t("because.unavailable", { machine, duration });
    case "release":
      return t("because.release", { duration });
    case "resource":
      return t("because.resource", { duration, resource: link.resource ?? "" });
    case "material":
      return t("because.material", { duration });
    case "held":
      return t("because.held", { duration });
    case "work":
      return t("because.work");
    default:
      return link.cause;
  }
}
