import type { DisruptionView, PlanBar, PlanHead, PlanMachine, PlanResource } from "../api/types.ts";
import type { Channel } from "../live/channel.ts";
import { barOf, machineOf, resourceOf, type Bar, type MachineRow, type ResourceRow } from "./gantt/bars.ts";
import { successorsOf } from "./gantt/chain.ts";
import { familiesOf } from "./gantt/rows.ts";

type Listener = () => void;

/**
 * What the channel `plan:<scope>` holds, ready to be drawn. A change of a thousand bars is one word
 * to the listeners; the chart draws from here, and React renders only what reads a single object.
 */
export class PlanStore {
  readonly bars = new Map<number, Bar>();
  readonly machines = new Map<string, MachineRow>();
  /** People and tools by their keys. */
  readonly resources = new Map<string, ResourceRow>();
  /** Families by their place in the palette: a family keeps its colour as long as the page is open. */
  readonly families = new Map<string, number>();
  /** The newest ones, the newest first. A new array when one comes, goes or is answered. */
  disruptions: readonly DisruptionView[] = [];
  readonly #channel: Channel;
  readonly #clock: () => number;
  readonly #listeners = new Set<Listener>();
  #successors: Map<number, number[]> | null = null;
  #version = 0;

  constructor(channel: Channel, clock: () => number = () => performance.now()) {
    this.#channel = channel;
    this.#clock = clock;
    this.#take(channel.keys);
  }

  /** Rises with every change; what was derived from an older one is stale. */
  get version(): number {
    return this.#version;
  }

  get head(): PlanHead | undefined {
    return this.#channel.get("plan") as PlanHead | undefined;
  }

  get successors(): ReadonlyMap<number, readonly number[]> {
    this.#successors ??= successorsOf(this.bars);
    return this.#successors;
  }

  /** Follow the channel until the returned function is called. */
  follow(): () => void {
    this.#take([...this.#channel.keys, ...[...this.bars.keys()].map((id) => `bar/${id}`), ...[...this.machines.keys()].map((path) => `machine/${path}`), ...this.resources.keys()]);
    return this.#channel.onChange((changed) => { this.#take(changed); });
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #take(keys: Iterable<string>): void {
    let changed = false;
    let disturbed = false;
    for (const key of keys) {
      if (key.startsWith("bar/")) this.#takeBar(key);
      else if (key.startsWith("disruption/")) disturbed = true;
      else if (key.startsWith("machine/")) this.#takeMachine(key);
      else if (key.startsWith("resource/")) this.#takeResource(key);
      else if (key !== "plan") continue;
      changed = true;
    }
    if (disturbed) this.disruptions = disruptionsOf(this.#channel);
    if (!changed) return;
    this.#successors = null;
    for (const family of familiesOf(this.bars.values())) if (!this.families.has(family)) this.families.set(family, this.families.size);
    this.#version += 1;
    this.#listeners.forEach((listener) => { listener(); });
  }

  #takeBar(key: string): void {
    const id = Number(key.slice("bar/".length));
    const view = this.#channel.get(key) as PlanBar | undefined;
    if (view === undefined) {
      this.bars.delete(id);
      return;
    }
    const before = this.bars.get(id);
    if (before?.view !== view) this.bars.set(id, barOf(view, before, this.#clock()));
  }

  #takeMachine(key: string): void {
    const path = key.slice("machine/".length);
    const view = this.#channel.get(key) as PlanMachine | undefined;
    if (view === undefined) this.machines.delete(path);
    else if (this.machines.get(path)?.view !== view) this.machines.set(path, machineOf(view));
  }

  #takeResource(key: string): void {
    const view = this.#channel.get(key) as PlanResource | undefined;
    if (view === undefined) this.resources.delete(key);
    else if (this.resources.get(key)?.view !== view) this.resources.set(key, resourceOf(view));
  }
}

function disruptionsOf(channel: Channel): DisruptionView[] {
  return channel.keys
    .filter((key) => key.startsWith("disruption/"))
    .map((key) => channel.get(key) as DisruptionView)
    .sort((a, b) => b.id - a.id);
}
