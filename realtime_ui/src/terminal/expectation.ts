import type { CurrentOperation, JobEvent } from "../api/types.ts";

/** What an operator said, until the floor shows it. */
export interface Said {
  event: JobEvent;
  operation: CurrentOperation;
}

function isSame(left: CurrentOperation | null, right: CurrentOperation): boolean {
  return left !== null && left.work_order === right.work_order && left.operation === right.operation;
}

/** The machine's operation as it will be once what was said has arrived. */
export function expected(current: CurrentOperation | null, said: Said | null): CurrentOperation | null {
  if (said === null) return current;
  switch (said.event) {
    case "started":
      return { ...(isSame(current, said.operation) && current !== null ? current : said.operation), state: "running" };
    case "paused":
      return current === null ? null : { ...current, state: "paused" };
    case "resumed":
      return current === null ? null : { ...current, state: "running" };
    case "completed":
    case "aborted":
      return isSame(current, said.operation) ? null : current;
  }
}

/** Whether the machine's operation shows that what was said has arrived. */
export function arrived(current: CurrentOperation | null, said: Said): boolean {
  switch (said.event) {
    case "started":
    case "resumed":
      return isSame(current, said.operation) && current?.state === "running";
    case "paused":
      return isSame(current, said.operation) && current?.state === "paused";
    case "completed":
    case "aborted":
      return !isSame(current, said.operation);
  }
}
