import type { Language } from "../../i18n/translator.ts";
import type { Bar, MachineRow } from "./bars.ts";
import type { Ghosts } from "./ghosts.ts";
import type { Held } from "./hand.ts";
import type { Layout } from "./layout.ts";
import type { View } from "./scale.ts";

export type Colouring = "family" | "lateness";

/** The words that the chart writes; who draws knows no language. */
export interface ChartWords {
  language: Language;
  label: (bar: Bar) => string;
  late: (minutes: number) => string;
  frozen: string;
  clock: (at: number) => string;
  /** The same with its seconds. */
  second: (at: number) => string;
  day: (at: number) => string;
  shortDay: (at: number) => string;
  month: (at: number) => string;
  /** A machine's state, since when and why. */
  state: (machine: MachineRow) => string;
  unavailable: (why: string) => string;
  onHold: string;
  /** How much of the time in sight is planned, 0 to 1. */
  load: (share: number) => string;
}

/** All that one frame shows. Sizes are CSS pixels; `view.width` is the part right of the labels. */
export interface Scene {
  layout: Layout;
  view: View;
  top: number;
  width: number;
  height: number;
  labels: number;
  now: number;
  /** The page's clock, for what fades. */
  clock: number;
  /** Nothing moves but what somebody moves. */
  still: boolean;
  frozenMs: number;
  zone: string;
  colouring: Colouring;
  /** The place of a family in the palette. */
  families: ReadonlyMap<string, number>;
  bars: ReadonlyMap<number, Bar>;
  successors: ReadonlyMap<number, readonly number[]>;
  /** What is lit; everything else steps back. Null: nothing is chosen. */
  lit: ReadonlySet<number> | null;
  /** What comes before and after the bar in question: outlined. */
  chain: ReadonlySet<number>;
  links: readonly (readonly [Bar, Bar])[];
  hovered: number | null;
  /** The bar that the keyboard is on. */
  focused: number | null;
  /** What a draft does otherwise. */
  ghosts: Ghosts | null;
  /** The operation in hand, and the bar that it is. */
  held: { at: Held; bar: Bar } | null;
  onHold: ReadonlySet<string>;
  words: ChartWords;
}
