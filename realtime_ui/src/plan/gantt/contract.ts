import type { Bar } from "./bars.ts";
import type { Arrangement } from "./rows.ts";
import type { ChartWords, Colouring } from "./scene.ts";

/** How the chart is shown; a new object for each change. */
export interface ChartSettings {
  arrangement: Arrangement;
  colouring: Colouring;
  zone: string;
  words: ChartWords;
  /** The order whose path is lit. */
  order: string | null;
}

export interface ChartElements {
  /** Scrolls over `room`, which is as high as all rows; the canvas in it sticks to the top. */
  scroller: HTMLElement;
  canvas: HTMLCanvasElement;
  room: HTMLElement;
  /** What is told of the bar in question; the chart keeps it beside the bar. */
  card: HTMLElement;
}

export interface ChartEvents {
  /** The bar in question changed: under the pointer, under the keyboard, or chosen. */
  onBar: (id: number | null, pinned: boolean) => void;
  onChoose: (bar: Bar) => void;
  onLeave: () => void;
}
