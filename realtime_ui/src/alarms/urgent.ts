import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useLive } from "../live/react.tsx";
import { usePermission, useSession } from "../session/session.ts";
import { alarmApi, type Alarm } from "./api.ts";
import { ASKING } from "./priorities.ts";

/** With the live channel this is only in case it went wrong; without it this is how alarms arrive. */
const LIVE_MS = 30_000;
const POLL_MS = 5_000;
/** A burst of changes is one question. */
const GATHERED_MS = 250;
const NAMED = 50;
const NOBODY: readonly string[] = [];

/** All that is read of alarms; whoever changes one says that these are old. */
export const ALARMS = ["alarms"] as const;

/** Which channels tell of the alarms that this person may see: one for everywhere, or one for each of their sites. */
function useChannelNames(): readonly string[] {
  const session = useSession();
  const reads = usePermission("read");
  const sites = session.data?.sites;
  if (!reads || sites === undefined) return NOBODY;
  return sites.length === 0 ? ["alarms:#"] : sites.map((site) => `alarms:${site}`);
}

/** Asks again whenever an alarm moved; says how often to ask anyhow. */
export function useAlarmWakes(): number {
  const client = useLive();
  const queries = useQueryClient();
  const names = useChannelNames().join(" ");
  const [live, setLive] = useState(false);
  useEffect(() => {
    if (names === "") return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wake = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void queries.invalidateQueries({ queryKey: ALARMS });
      }, GATHERED_MS);
    };
    const leaves = names.split(" ").flatMap((name) => {
      const leave = client.subscribe(name);
      const channel = client.peek(name);
      const look = (): void => { setLive(client.state.phase === "live" && names.split(" ").every((each) => client.peek(each).status.kind === "ready")); };
      look();
      return [leave, channel.onChange(wake), channel.onStatus(look), client.onState(look)];
    });
    return () => {
      clearTimeout(timer);
      leaves.forEach((leave) => { leave(); });
    };
  }, [client, names, queries]);
  return live ? LIVE_MS : POLL_MS;
}

export interface Urgent {
  items: readonly Alarm[];
  total: number;
}

/** The alarms that ask for an answer, the most urgent first; undefined until they are known. */
export function useUrgent(site?: string): { urgent: Urgent | undefined; error: unknown } {
  const every = useAlarmWakes();
  const reads = usePermission("read");
  const urgent = useQuery({
    queryKey: [...ALARMS, "urgent", site],
    queryFn: () => alarmApi.list({ site, state: ASKING, limit: NAMED, offset: 0 }),
    refetchInterval: every,
    enabled: reads,
  });
  // What could not be read again is not known any more: an old "none" would be a lie.
  return { urgent: urgent.isError ? undefined : urgent.data, error: urgent.error };
}
