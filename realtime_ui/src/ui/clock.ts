import { useSyncExternalStore } from "react";

/** One timer per pace for the whole page: what shows the time ticks together. */
class Ticker {
  readonly #everyMs: number;
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #now = Date.now();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#now = Date.now();
    this.#timer ??= setInterval(() => {
      this.#now = Date.now();
      this.#listeners.forEach((tell) => { tell(); });
    }, this.#everyMs);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0 && this.#timer !== null) {
        clearInterval(this.#timer);
        this.#timer = null;
      }
    };
  };

  readonly now = (): number => {
    // Nobody keeps it going yet: a first rendering needs the time as well.
    if (this.#timer === null && Date.now() - this.#now > this.#everyMs) this.#now = Date.now();
    return this.#now;
  };
}

const seconds = new Ticker(1_000);
const slow = new Ticker(15_000);

/** The time, once a second. */
export function useSeconds(): number {
  return useSyncExternalStore(seconds.subscribe, seconds.now);
}

/** The time, four times a minute: enough for whatever is told in minutes. */
export function useNow(): number {
  return useSyncExternalStore(slow.subscribe, slow.now);
}
