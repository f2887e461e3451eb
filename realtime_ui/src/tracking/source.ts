import { useEffect, useState, useSyncExternalStore } from "react";
import { ask, Problem } from "../api/problem.ts";
import type { TrackingView } from "../api/types.ts";
import { browserWorld } from "../live/browser.ts";
import { LiveClient, TicketRefused } from "../live/client.ts";

const POLL_MS = 15_000;
/** How long the live connection may be away before the page asks by itself. */
const PATIENCE_MS = 4_000;
/** The link itself is refused: another try would be refused as well. */
const REFUSED: readonly number[] = [401, 403, 404, 410, 422];

/** What the page has: the order, why there is none, and when it was last confirmed. */
export interface Tracking {
  view: TrackingView | null;
  problem: "none" | "invalid" | "unreachable";
  live: boolean;
  confirmedAt: number | null;
}

type Refused = (error: unknown) => boolean;
const isRefused: Refused = (error) => error instanceof Problem && REFUSED.includes(error.status);

/** The live source of one link, with polling when there is no live connection. */
export class TrackingSource {
  readonly #address: string;
  readonly #client: LiveClient;
  readonly #channel: string;
  readonly #listeners = new Set<() => void>();
  #state: Tracking = { view: null, problem: "none", live: false, confirmedAt: null };
  #leave: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(token: string) {
    this.#address = `/v1/tracking/${encodeURIComponent(token)}`;
    this.#channel = `tracking:${token}`;
    this.#client = new LiveClient(
      browserWorld(async () => {
        try {
          return ((await ask("POST", `${this.#address}/ticket`)) as { ticket: string }).ticket;
        } catch (error) {
          if (isRefused(error)) throw new TicketRefused("the link is no longer valid", { cause: error });
          throw error;
        }
      }),
    );
  }

  readonly state = (): Tracking => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  };

  /** Ask now, by whichever way there is. */
  readonly retry = (): void => {
    this.#client.retry();
    void this.#poll();
  };

  readonly #interrupt = (): void => { this.#client.interrupt(); };

  #start(): void {
    const channel = this.#client.peek(this.#channel);
    const take = (): void => {
      const view = channel.get("order") as TrackingView | undefined;
      if (view !== undefined) this.#set({ view, problem: "none", confirmedAt: Date.now() });
    };
    this.#leave = [
      channel.onKey("order", take),
      channel.onStatus(() => {
        // The link was withdrawn or has expired while the page was open.
        if (channel.status.kind === "refused") this.#set({ view: null, problem: "invalid" });
      }),
      this.#client.onState(() => {
        const live = this.#client.state.phase === "live";
        this.#set({ live, ...(live || !this.#state.live ? {} : { confirmedAt: this.#client.lastMessageAt ?? Date.now() }) });
        if (!live) this.#pollIn(PATIENCE_MS);
      }),
      this.#client.subscribe(this.#channel),
    ];
    addEventListener("online", this.retry);
    addEventListener("offline", this.#interrupt);
    // The first answer need not wait for the socket.
    void this.#poll();
  }

  #stop(): void {
    removeEventListener("online", this.retry);
    removeEventListener("offline", this.#interrupt);
    this.#leave.forEach((leave) => { leave(); });
    this.#client.stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #pollIn(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#client.state.phase !== "live") void this.#poll();
    }, ms);
  }

  async #poll(): Promise<void> {
    try {
      const view = (await ask("GET", this.#address)) as TrackingView;
      // A live view that came meanwhile is newer.
      if (this.#client.state.phase !== "live" || this.#state.view === null) this.#set({ view, problem: "none", confirmedAt: Date.now() });
    } catch (error) {
      if (isRefused(error)) {
        this.#set({ view: null, problem: "invalid" });
        return;
      }
      this.#set({ problem: "unreachable" });
    }
    if (this.#listeners.size > 0 && this.#client.state.phase !== "live") this.#pollIn(POLL_MS);
  }

  #set(change: Partial<Tracking>): void {
    this.#state = { ...this.#state, ...change };
    this.#listeners.forEach((listener) => { listener(); });
  }
}

export function useTracking(source: TrackingSource): Tracking {
  return useSyncExternalStore(source.subscribe, source.state);
}

/** The time, as often as asked. */
export function useTime(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => { setNow(Date.now()); }, everyMs);
    return () => { clearInterval(timer); };
  }, [everyMs]);
  return now;
}
