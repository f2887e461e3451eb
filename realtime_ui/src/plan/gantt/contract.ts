import type { Bar } from "./bars.ts";
import type { Ghosts } from "./ghosts.ts";
import type { Held } from "./hand.ts";
import type { Arrangement } from "./rows.ts";
import type { ChartWords, Colouring } from "./scene.ts";

/** Pixels from the canvas' upper left corner. */
export interface Point {
  x: number;
  y: number;
}

/** How the chart is shown; a new object for each change. */
export interface ChartSettings {
  arrangement: Arrangement;
  colouring: Colouring;
  zone: string;
  words: ChartWords;
  /** The order whose path is lit. */
  order: string | null;
  /** What the draft that is looked at does otherwise. */
  ghosts: Ghosts | null;
  /** Whether operations can be moved. */
  movable: boolean;
  /** Orders that somebody put on hold. */
  onHold: ReadonlySet<string>;
}

export interface ChartElements {
  /** Scrolls over `room`, which is as high as all rows; the canvas in it sticks to the top. */
  scroller: HTMLElement;
  canvas: HTMLCanvasElement;
  room: HTMLElement;
  /** What is told of the bar in question; the chart keeps it beside the bar. */
  card: HTMLElement;
}

/** What can be done with a bar; lock or free it; why is it late; why does it not move. */
export type Question = "menu" | "lock" | "why" | "stuck";

export interface ChartEvents {
  /** The bar in question changed: under the pointer, under the keyboard, or chosen. */
  onBar: (id: number | null, pinned: boolean) => void;
  onChoose: (bar: Bar) => void;
  onLeave: () => void;
  /** What is in hand, or nothing any more. */
  onHeld: (held: Held | null) => void;
  /** It was put elsewhere. */
  onDrop: (held: Held) => void;
  onAsk: (bar: Bar, what: Question) => void;
  /** The last step of the draft is to be taken back. */
  onUndo: () => void;
}
