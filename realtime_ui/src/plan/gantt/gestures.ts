import { AXIS_HEIGHT } from "./layout.ts";

/** What gestures do to the chart. Points are pixels from the canvas' upper left corner. */
export interface Gestures {
  /** The width of the rows' labels: there the wheel scrolls rows. */
  labels(): number;
  drag(x: number, y: number): void;
  zoom(factor: number, x: number): void;
  hover(point: { x: number; y: number } | null): void;
  tap(point: { x: number; y: number }): void;
}

const WHEEL = 0.0016;
const LINE = 16;
/** A press that moved less is a tap. */
const SLACK = 5;

/** Wheel and pinch zoom, drag moves, a tap chooses. Returns what takes the listeners off again. */
export function listenTo(canvas: HTMLCanvasElement, on: Gestures): () => void {
  const pointers = new Map<number, { x: number; y: number }>();
  let pressed: { x: number; y: number } | null = null;
  let apart = 0;
  const here = (event: MouseEvent): { x: number; y: number } => {
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
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, here(event));
    canvas.setPointerCapture(event.pointerId);
    pressed = pointers.size === 1 ? here(event) : null;
    apart = distance();
  };
  const move = (event: PointerEvent): void => {
    const before = pointers.get(event.pointerId);
    const point = here(event);
    if (before === undefined) {
      if (event.pointerType !== "touch") on.hover(point);
      return;
    }
    if (pressed !== null && Math.hypot(point.x - pressed.x, point.y - pressed.y) < SLACK) return;
    pointers.set(event.pointerId, point);
    if (pressed !== null) {
      pressed = null;
      on.hover(null);
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
    if (pressed !== null && event.type === "pointerup") on.tap(pressed);
    pressed = null;
    apart = 0;
  };
  const leave = (): void => { on.hover(null); };
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", leave);
  return () => {
    canvas.removeEventListener("wheel", wheel);
    canvas.removeEventListener("pointerdown", down);
    canvas.removeEventListener("pointermove", move);
    canvas.removeEventListener("pointerup", up);
    canvas.removeEventListener("pointercancel", up);
    canvas.removeEventListener("pointerleave", leave);
  };
}
