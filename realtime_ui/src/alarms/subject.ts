import type { Alarm } from "./api.ts";

type About = Pick<Alarm, "subject_kind" | "subject">;

/** What an alarm is about, shortly: machines and lines without the site that is shown beside them. */
export function subjectOf(alarm: About): string {
  const parts = alarm.subject.split("/");
  return (alarm.subject_kind === "machine" || alarm.subject_kind === "line" || alarm.subject_kind === "item") && parts.length > 1 ? parts.slice(1).join(" / ") : alarm.subject;
}

/** A cause, `machine_down/variant:machine:plant-1/cutting/line1/m01`, in its parts. */
export function causeOf(cause: string): { meaning: string; kind: string; subject: string } {
  const [meaning = "", kind = "", ...rest] = cause.split(":");
  return { meaning, kind, subject: rest.join(":") };
}
