import type { Direction } from "./layout.ts";

/** What a key does in the chart. */
export type Command =
  | { kind: "pan"; x: -1 | 0 | 1; y: -1 | 0 | 1 }
  | { kind: "zoom"; closer: boolean }
  | { kind: "now" | "fit" | "choose" | "leave" }
  | { kind: "move"; direction: Direction };

const ARROWS: Readonly<Record<string, Direction>> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

export function commandOf(event: { key: string; shiftKey: boolean; ctrlKey: boolean; metaKey: boolean; altKey: boolean }): Command | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const direction = ARROWS[event.key];
  if (direction !== undefined) {
    if (event.shiftKey) return { kind: "move", direction };
    return { kind: "pan", x: direction === "left" ? -1 : direction === "right" ? 1 : 0, y: direction === "up" ? -1 : direction === "down" ? 1 : 0 };
  }
  switch (event.key) {
    case "+":
    case "=":
      return { kind: "zoom", closer: true };
    case "-":
    case "_":
      return { kind: "zoom", closer: false };
    case "n":
    case "N":
    case "Home":
      return { kind: "now" };
    case "f":
    case "F":
    case "0":
      return { kind: "fit" };
    case "Enter":
    case " ":
      return { kind: "choose" };
    case "Escape":
      return { kind: "leave" };
    default:
      return null;
  }
}
