import { Channel } from "./channel.ts";
import type { components } from "./protocol.gen.ts";

type Schemas = components["schemas"];
type ClientMessage = Schemas["Subscribe"] | Schemas["Unsubscribe"] | Schemas["Ping"];
type ServerMessage =
  | Schemas["Snapshot"]
  | Schemas["Delta"]
  | Schemas["Subscribed"]
  | Schemas["Error"]
  | Schemas["Pong"];

export const SUBPROTOCOL = "gemba.live.v1";
/** The server found this client too slow: connect again at once, with `since`. */
export const CLOSE_RESUME = 4000;
export const CLOSE_SIGNED_OUT = 4001;

/** Errors after which the server tries again by itself. */
const PASSING: readonly string[] = ["unavailable", "not_ready"];

const PING_EVERY_MS = 15_000;
const PONG_WITHIN_MS = 10_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
/** A second resume within this time is no longer at once: something is wrong. */
const RESUME_APART_MS = 2_000;
/** A channel that a page left is kept this long: who comes back sees it at once. */
const LEAVE_AFTER_MS = 10_000;

/** The ticket was refused for good: signed out, or the link is no longer valid. */
export class TicketRefused extends Error {
  override readonly name = "TicketRefused";
}

export interface LiveSocket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((text: string) => void) | null;
  onclose: ((code: number) => void) | null;
}

/** What the client needs of the world; a test brings its own. */
export interface LiveWorld {
  /** A fresh single-use ticket. Rejects with TicketRefused when there will be none. */
  ticket(): Promise<string>;
  connect(ticket: string): LiveSocket;
  now(): number;
  random(): number;
  after(ms: number, run: () => void): () => void;
  /** Run soon, once per screen refresh: what arrived till then is shown together. */
  frame(run: () => void): void;
}

export interface ConnectionState {
  phase: "idle" | "connecting" | "live" | "waiting" | "refused";
  /** Failed attempts in a row. */
  attempts: number;
}

interface Entry {
  channel: Channel;
  users: number;
  /** The server answered our subscription on this socket: its deltas may be applied. */
  answered: boolean;
  /** Ends the wait after which an unused channel is left. */
  keep: (() => void) | null;
}

/**
 * One socket to `/v1/live` for all channels of the page.
 *
 * Reconnects by itself with back-off and jitter and asks for what it missed. A channel is dropped
 * from the server when nobody uses it any more.
 */
export class LiveClient {
  readonly #world: LiveWorld;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();
  #state: ConnectionState = { phase: "idle", attempts: 0 };
  #socket: LiveSocket | null = null;
  #generation = 0;
  #lastMessageAt: number | null = null;
  #lastResumeAt = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | null = null;
  #flushing = false;

  constructor(world: LiveWorld) {
    this.#world = world;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** When the server last said anything, in the world's milliseconds. */
  get lastMessageAt(): number | null {
    return this.#lastMessageAt;
  }

  onState(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The channel of that name, without asking the server for it. */
  peek(name: string): Channel {
    return this.#entry(name).channel;
  }

  /** Want a channel until the returned function is called. */
  subscribe(name: string): () => void {
    const entry = this.#entry(name);
    entry.users += 1;
    entry.keep?.();
    if (entry.keep !== null) {
      entry.keep = null;
    } else if (entry.users === 1) {
      if (this.#state.phase === "live") this.#ask(entry);
      else if (this.#state.phase === "idle") this.#connect();
    }
    let released = false;
    return () => {
      if (released) return;
      released = true;
      entry.users -= 1;
      if (entry.users > 0) return;
      entry.keep = this.#world.after(LEAVE_AFTER_MS, () => {
        this.#entries.delete(name);
        if (this.#state.phase === "live") this.#send({ op: "unsubscribe", channel: name });
      });
    };
  }

  /** Try now: the network is back, or the user asked. */
  retry(): void {
    if (this.#state.phase === "waiting" || this.#state.phase === "refused") this.#connect();
  }

  /** The network is known to be gone: do not wait for silence to prove it. */
  interrupt(): void {
    if (this.#state.phase === "live" || this.#state.phase === "connecting") this.#closed(1006);
  }

  /** End the connection; the next subscription opens another. */
  stop(): void {
    this.#drop();
    for (const [name, entry] of this.#entries) {
      entry.keep?.();
      if (entry.users === 0) this.#entries.delete(name);
      else entry.channel.forget();
    }
    this.#setState({ phase: "idle", attempts: 0 });
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { channel: new Channel(name), users: 0, answered: false, keep: null };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  #connect(): void {
    this.#drop();
    const generation = this.#generation;
    this.#setState({ phase: "connecting", attempts: this.#state.attempts });
    this.#world.ticket().then(
      (ticket) => { if (generation === this.#generation) this.#open(ticket); },
      (error: unknown) => {
        if (generation !== this.#generation) return;
        if (error instanceof TicketRefused) this.#setState({ phase: "refused", attempts: 0 });
        else this.#wait();
      },
    );
  }

  #open(ticket: string): void {
    const socket = this.#world.connect(ticket);
    this.#socket = socket;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#lastMessageAt = this.#world.now();
      this.#setState({ phase: "live", attempts: 0 });
      for (const entry of this.#entries.values()) if (entry.users > 0 || entry.keep !== null) this.#ask(entry);
      this.#schedulePing();
    };
    socket.onmessage = (text) => { if (socket === this.#socket) this.#receive(text); };
    socket.onclose = (code) => { if (socket === this.#socket) this.#closed(code); };
    // A handshake that hangs is a failed one.
    this.#timer(PONG_WITHIN_MS, () => { this.#closed(1006); });
  }

  #closed(code: number): void {
    this.#drop();
    if (code === CLOSE_SIGNED_OUT) {
      this.#setState({ phase: "refused", attempts: 0 });
      return;
    }
    const now = this.#world.now();
    if (code === CLOSE_RESUME && now - this.#lastResumeAt > RESUME_APART_MS) {
      this.#lastResumeAt = now;
      this.#connect();
      return;
    }
    this.#wait();
  }

  #wait(): void {
    const attempts = this.#state.attempts + 1;
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1));
    this.#setState({ phase: "waiting", attempts });
    this.#timer(ceiling / 2 + (this.#world.random() * ceiling) / 2, () => { this.#connect(); });
  }

  #drop(): void {
    this.#generation += 1;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    for (const entry of this.#entries.values()) entry.answered = false;
  }

  #timer(ms: number, run: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#world.after(ms, run);
  }

  #schedulePing(): void {
    this.#timer(PING_EVERY_MS, () => {
      const before = this.#lastMessageAt;
      this.#send({ op: "ping" });
      this.#timer(PONG_WITHIN_MS, () => {
        if (this.#lastMessageAt === before) this.#closed(1006);
        else this.#schedulePing();
      });
    });
  }

  #ask(entry: Entry): void {
    entry.answered = false;
    this.#send({ op: "subscribe", channel: entry.channel.name, since: entry.channel.position });
  }

  #send(message: ClientMessage): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #receive(text: string): void {
    this.#lastMessageAt = this.#world.now();
    const message = JSON.parse(text) as ServerMessage;
    switch (message.op) {
      case "pong":
        return;
      case "error":
        if (message.channel != null) this.#refused(message.channel, message.code, message.detail);
        return;
      case "snapshot": {
        const entry = this.#entries.get(message.channel);
        if (entry === undefined) return;
        entry.answered = true;
        entry.channel.replace(message.epoch, message.offset, message.data);
        break;
      }
      case "subscribed": {
        const entry = this.#entries.get(message.channel);
        if (entry === undefined) return;
        const position = entry.channel.position;
        // The same epoch and not behind us, or what we hold has no meaning any more.
        if (position?.epoch === message.epoch && message.offset >= position.offset) {
          entry.answered = true;
          entry.channel.confirm();
        } else {
          entry.channel.forget();
          this.#ask(entry);
        }
        return;
      }
      case "delta": {
        const entry = this.#entries.get(message.channel);
        // One that was under way while we left or asked again says nothing new.
        if (entry?.answered !== true) return;
        if (!entry.channel.apply(message.offset, message.data)) return;
        break;
      }
    }
    this.#flushSoon();
  }

  #refused(name: string, code: string, detail: string): void {
    const channel = this.#entries.get(name)?.channel;
    if (PASSING.includes(code)) channel?.delay(code, detail);
    else channel?.refuse(code, detail);
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#world.frame(() => {
      this.#flushing = false;
      for (const entry of this.#entries.values()) entry.channel.flush();
    });
  }

  #setState(state: ConnectionState): void {
    if (state.phase === this.#state.phase && state.attempts === this.#state.attempts) return;
    this.#state = state;
    this.#listeners.forEach((listener) => { listener(); });
  }
}
