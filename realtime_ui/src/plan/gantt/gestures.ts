import type { Point } from "./contract.ts";
import { AXIS_HEIGHT } from "./layout.ts";

/** What gestures do to the chart. */
export interface Gestures {
  /** The width of the rows' labels: there the wheel scrolls rows. */
  labels(): number;
  drag(x: number, y: number): void;
  zoom(factor: number, x: number): void;
  hover(point: Point | null): void;
  tap(point: Point): void;
  /** Take what is under a point in hand; false: nothing there can be moved, so the chart is. */
  grab(point: Point): boolean;
  carry(point: Point): void;
  /** Let it go where it is; `kept` is false when the gesture was broken off. */
  release(kept: boolean): void;
  /** What can be done with what is there? */
  menu(point: Point): void;
}

const WHEEL = 0.0016;
const LINE = 16;
/** A press that moved less is a tap; a finger is less steady than a mouse. */
const SLACK = 5;
const FINGER_SLACK = 10;
/** A finger that stays so long takes what is under it in hand. */
const LONG_PRESS_MS = 450;

/**
 * Wheel and pinch zoom, drag moves the chart or an operation, a tap chooses. A finger moves the chart
 * at once, and an operation after it has stayed on it for a moment. Returns what takes the listeners
 * off again.
 */
export function listenTo(canvas: HTMLCanvasElement, on: Gestures): () => void {
  const pointers = new Map<number, Point>();
  let pressed: Point | null = null;
  let apart = 0;
  let carrying = false;
  let staying: ReturnType<typeof setTimeout> | null = null;
  const stir = (): void => {
    if (staying !== null) clearTimeout(staying);
    staying = null;
  };
  const letGo = (kept: boolean): void => {
    stir();
    if (!carrying) return;
    carrying = false;
    on.release(kept);
  };
  const here = (event: MouseEvent): Point => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const distance = (): number => {
    const [a, b] = [...pointers.values()];
    return a === undefined || b === undefined ? 0 : Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
  };
  const wheel = (event: WheelEvent): void => {
    const point = here(event);
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE;
    const [x, y] = [event.deltaX * unit, event.deltaY * unit];
    if (!event.ctrlKey && point.x < on.labels() && point.y > AXIS_HEIGHT && x === 0 && !event.shiftKey) return;
    event.preventDefault();
    if (!event.ctrlKey && (event.shiftKey || Math.abs(x) > Math.abs(y))) on.drag(event.shiftKey && x === 0 ? y : x, 0);
    else on.zoom(Math.exp(Math.max(-240, Math.min(240, y)) * (event.ctrlKey ? WHEEL * 5 : WHEEL)), point.x);
  };
  const stay = (): void => {
    staying = null;
    if (pressed === null || !on.grab(pressed)) return;
    carrying = true;
    pressed = null;
    // A short knock tells the finger that it holds something; some browsers have none.
    (navigator as Partial<Navigator>).vibrate?.(15);
  };
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    letGo(false);
    pointers.set(event.pointerId, here(event));
    canvas.setPointerCapture(event.pointerId);
    pressed = pointers.size === 1 ? here(event) : null;
    apart = distance();
    if (event.pointerType === "touch" && pressed !== null) staying = setTimeout(stay, LONG_PRESS_MS);
  };
  const move = (event: PointerEvent): void => {
    const before = pointers.get(event.pointerId);
    const point = here(event);
    if (before === undefined) {
      if (event.pointerType !== "touch") on.hover(point);
      return;
    }
    const touch = event.pointerType === "touch";
    if (pressed !== null && Math.hypot(point.x - pressed.x, point.y - pressed.y) < (touch ? FINGER_SLACK : SLACK)) return;
    pointers.set(event.pointerId, point);
    if (pressed !== null) {
      stir();
      carrying = !touch && on.grab(pressed);
      pressed = null;
      on.hover(null);
    }
    if (carrying) {
      on.carry(point);
      return;
    }
    if (pointers.size === 1) {
      on.drag(before.x - point.x, before.y - point.y);
      return;
    }
    const [a, b] = [...pointers.values()];
    const wide = distance();
    if (a === undefined || b === undefined || apart === 0) return;
    on.zoom(apart / wide, (a.x + b.x) / 2);
    apart = wide;
  };
  const up = (event: PointerEvent): void => {
    if (!pointers.delete(event.pointerId)) return;
    letGo(event.type === "pointerup");
    if (pressed !== null && event.type === "pointerup") on.tap(pressed);
    pressed = null;
    apart = 0;
  };
  const leave = (): void => { on.hover(null); };
  const menu = (event: MouseEvent): void => {
    event.preventDefault();
    // A long press is a right click to some browsers: what it took in hand comes first.
    if (!carrying) on.menu(here(event));
  };
  // Rows scroll under a finger by themselves, but not while it carries something.
  const slide = (event: TouchEvent): void => { if (carrying) event.preventDefault(); };
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("contextmenu", menu);
  canvas.addEventListener("touchmove", slide, { passive: false });
  return () => {
    stir();
    canvas.removeEventListener("touchmove", slide);
    canvas.removeEventListener("wheel", wheel);
    canvas.removeEventListener("pointerdown", down);
    canvas.removeEventListener("pointermove", move);
    canvas.removeEventListener("pointerup", up);
    canvas.removeEventListener("pointercancel", up);
    canvas.removeEventListener("pointerleave", leave);
    canvas.removeEventListener("contextmenu", menu);
  };
}
