import type { components } from "./protocol.gen.ts";

export type Position = components["schemas"]["Position"];

/**
 * What became of a channel: nothing said yet, its state is here, the server cannot tell it now and
 * goes on trying by itself (what is here may be old), or the server refused it.
 */
export type ChannelStatus =
  | { kind: "loading" }
  | { kind: "ready" }
  | { kind: "delayed"; code: string; detail: string }
  | { kind: "refused"; code: string; detail: string };

type Listener = () => void;
type ChangeListener = (changed: ReadonlySet<string>) => void;

/**
 * The state of one channel: a map of keys to objects, with listeners per key.
 *
 * Deltas are kept until `flush`, the latest per key, so that a burst costs a screen one change.
 * Whoever reads a key that did not change is not told.
 */
export class Channel {
  readonly name: string;
  #entries = new Map<string, unknown>();
  #pending = new Map<string, unknown>();
  #replaced = false;
  #position: Position | null = null;
  #status: ChannelStatus = { kind: "loading" };
  #keys: readonly string[] = [];
  #keyListeners = new Map<string, Set<Listener>>();
  #listListeners = new Set<Listener>();
  #statusListeners = new Set<Listener>();
  #changeListeners = new Set<ChangeListener>();

  constructor(name: string) {
    this.name = name;
  }

  /** Where this channel stands: the `since` of a new connection. */
  get position(): Position | null {
    return this.#position;
  }

  get status(): ChannelStatus {
    return this.#status;
  }

  /** The keys, sorted; the same array until a key comes or goes. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  get(key: string): unknown {
    return this.#entries.get(key);
  }

  /** Take a snapshot as the whole state. */
  replace(epoch: string, offset: number, data: Record<string, unknown>): void {
    this.#position = { epoch, offset };
    this.#pending = new Map(Object.entries(data));
    this.#replaced = true;
  }

  /** Take a delta; one that is not above the position was seen already. Returns whether it counted. */
  apply(offset: number, data: Record<string, unknown>): boolean {
    if (this.#position === null || offset <= this.#position.offset) return false;
    this.#position = { epoch: this.#position.epoch, offset };
    for (const [key, value] of Object.entries(data)) this.#pending.set(key, value);
    return true;
  }

  /** Forget the position: the next subscription asks for a snapshot. What is shown stays. */
  forget(): void {
    this.#position = null;
  }

  refuse(code: string, detail: string): void {
    this.#position = null;
    this.#settle({ kind: "refused", code, detail });
  }

  /** The server has nothing new yet; its word follows by itself. */
  delay(code: string, detail: string): void {
    this.#settle({ kind: "delayed", code, detail });
  }

  /** What is here is still true: the server goes on from our position. */
  confirm(): void {
    this.#settle({ kind: "ready" });
  }

  /** Make what was taken visible and tell the listeners of the keys that changed. */
  flush(): void {
    if (!this.#replaced && this.#pending.size === 0) return;
    const changed = new Set<string>();
    if (this.#replaced) {
      for (const key of this.#entries.keys()) {
        if (!this.#pending.has(key)) {
          this.#entries.delete(key);
          changed.add(key);
        }
      }
    }
    let listed = changed.size > 0;
    for (const [key, value] of this.#pending) {
      if (value === null) {
        if (!this.#entries.delete(key)) continue;
        listed = true;
      } else {
        if (this.#entries.has(key)) {
          if (same(this.#entries.get(key), value)) continue;
        } else {
          listed = true;
        }
        this.#entries.set(key, value);
      }
      changed.add(key);
    }
    const snapshot = this.#replaced;
    this.#pending = new Map();
    this.#replaced = false;
    if (listed) this.#keys = [...this.#entries.keys()].sort();
    if (changed.size > 0) this.#changeListeners.forEach((listener) => { listener(changed); });
    for (const key of changed) this.#keyListeners.get(key)?.forEach((listener) => { listener(); });
    if (listed) this.#listListeners.forEach((listener) => { listener(); });
    if (snapshot || this.#status.kind !== "ready") this.#settle({ kind: "ready" });
  }

  onKey(key: string, listener: Listener): () => void {
    const listeners = this.#keyListeners.get(key) ?? new Set();
    this.#keyListeners.set(key, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#keyListeners.delete(key);
    };
  }

  onKeys(listener: Listener): () => void {
    this.#listListeners.add(listener);
    return () => this.#listListeners.delete(listener);
  }

  /** Hear of every change at once, with its keys: for what is drawn as a whole. */
  onChange(listener: ChangeListener): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onStatus(listener: Listener): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  #settle(status: ChannelStatus): void {
    if (status.kind === this.#status.kind && (status.kind === "ready" || status.kind === "loading")) return;
    this.#status = status;
    this.#statusListeners.forEach((listener) => { listener(); });
  }
}

/** Equal as JSON: what a server tells again unchanged must not render. */
function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
