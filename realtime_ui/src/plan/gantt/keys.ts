import type { Direction } from "./layout.ts";

/** What a key does in the chart. */
export type Command =
  | { kind: "pan"; x: -1 | 0 | 1; y: -1 | 0 | 1 }
  | { kind: "zoom"; closer: boolean }
  | { kind: "now" | "fit" | "choose" | "leave" }
  | { kind: "move"; direction: Direction }
  /** Take the operation in hand, put it where it is held, or back; lock or free it; why is it late; what can be done with it; take the draft's last step back. */
  | { kind: "grab" | "drop" | "put_back" | "lock" | "why" | "menu" | "undo" }
  | { kind: "carry"; direction: Direction; far: boolean };

const ARROWS: Readonly<Record<string, Direction>> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

interface Press {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** What a key means; with an operation in hand (`held`) it is carried by the same keys that else move the chart. */
export function commandOf(event: Press, held = false): Command | null {
  const undo = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "z";
  if (undo) return { kind: held ? "put_back" : "undo" };
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const direction = ARROWS[event.key];
  if (held) {
    if (direction !== undefined) return { kind: "carry", direction, far: event.shiftKey };
    if (event.key === "Enter" || event.key === " ") return { kind: "drop" };
    if (event.key === "Escape") return { kind: "put_back" };
  }
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
    case "m":
    case "M":
      return { kind: "grab" };
    case "l":
    case "L":
      return { kind: "lock" };
    case "w":
    case "W":
      return { kind: "why" };
    case "ContextMenu":
      return { kind: "menu" };
    case "F10":
      return event.shiftKey ? { kind: "menu" } : null;
    case "Enter":
    case " ":
      return { kind: "choose" };
    case "Escape":
      return { kind: "leave" };
    default:
      return null;
  }
}
