import { createContext, useCallback, useContext, useEffect, useSyncExternalStore } from "react";
import type { Channel, ChannelStatus } from "./channel.ts";
import type { ConnectionState, LiveClient } from "./client.ts";

const Context = createContext<LiveClient | null>(null);

export const LiveProvider = Context;

export function useLive(): LiveClient {
  const client = useContext(Context);
  if (client === null) throw new Error("there is no live client above this component");
  return client;
}

/** A channel, wanted as long as the component is there. */
export function useChannel(name: string): Channel {
  const client = useLive();
  useEffect(() => client.subscribe(name), [client, name]);
  return client.peek(name);
}

/** The object at a key, of the shape that the protocol gives it; renders only when it changes. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller names the view of its channel
export function useEntry<T>(channel: Channel, key: string): T | undefined {
  const subscribe = useCallback((listener: () => void) => channel.onKey(key, listener), [channel, key]);
  return useSyncExternalStore(subscribe, () => channel.get(key) as T | undefined);
}

/** The keys of a channel; renders only when one comes or goes. */
export function useKeys(channel: Channel): readonly string[] {
  const subscribe = useCallback((listener: () => void) => channel.onKeys(listener), [channel]);
  return useSyncExternalStore(subscribe, () => channel.keys);
}

export function useChannelStatus(channel: Channel): ChannelStatus {
  const subscribe = useCallback((listener: () => void) => channel.onStatus(listener), [channel]);
  return useSyncExternalStore(subscribe, () => channel.status);
}

export function useConnection(): ConnectionState {
  const client = useLive();
  const subscribe = useCallback((listener: () => void) => client.onState(listener), [client]);
  return useSyncExternalStore(subscribe, () => client.state);
}

/** How old what is shown is, in milliseconds; null while the connection is live. */
export function useStaleness(now: number): number | null {
  const client = useLive();
  const connection = useConnection();
  if (connection.phase === "live") return null;
  const last = client.lastMessageAt;
  // A break shorter than this is a resume, not news.
  if (last === null || now - last < STALE_AFTER_MS) return null;
  return now - last;
}

/** Whether the live connection cannot be had: the first failure may be chance. */
export function useUnreachable(): boolean {
  const connection = useConnection();
  return connection.phase !== "live" && connection.attempts >= 2;
}

const STALE_AFTER_MS = 3_000;
