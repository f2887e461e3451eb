import type { ReactElement } from "react";

/* One set: 16-unit squares, drawn in the current colour. Each state has a shape of its own. */
export const GLYPHS: Readonly<Record<string, string>> = {
  running: "M4 2.5v11l9-5.5z",
  idle: "M3 7h10v2H3z",
  setup: "M8 1.5 9 4l1.6.7L13 3.6 14.4 5l-1.1 2.4.7 1.6 0 0L14 9l-.7 1.6L14.4 13 13 14.4l-2.4-1.1L9 14l-1 .5L7 14l-1.6-.7L3 14.4 1.6 13l1.1-2.4L2 9V7l.7-1.6L1.6 3 3 1.6l2.4 1.1L7 2zM8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  down: "M8 1 15.5 15H.5zM7.1 6v5h1.8V6zm0 6v1.7h1.8V12z",
  planned_stop: "M2.5 2.5h11v11h-11z",
  offline: "M3.5 2 8 6.5 12.5 2 14 3.5 9.5 8l4.5 4.5-1.5 1.5L8 9.5 3.5 14 2 12.5 6.5 8 2 3.5z",
  paused: "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z",
  interrupted: "M3.5 2.5h3v11h-3zM9.5 2.5h3v7h-3zM9.5 11h3v2.5h-3z",
  completed: "M6.2 13 1.5 8.3l1.6-1.6 3.1 3.1 6.7-6.7 1.6 1.6z",
  aborted: "M3.5 2 8 6.5 12.5 2 14 3.5 9.5 8l4.5 4.5-1.5 1.5L8 9.5 3.5 14 2 12.5 6.5 8 2 3.5z",
  late: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm-.9 3h1.8v4.1l2.8 1.7-.9 1.5-3.7-2.2z",
  waiting: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm0 2a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  /* The urgency of alarms: an octagon, a triangle, a diamond, a circle. */
  alarm_critical: "M5 1h6l4 4v6l-4 4H5l-4-4V5zM7 4v5h2V4zm0 6v2h2v-2z",
  alarm_high: "M8 1 15.5 15H.5zM7.1 6v5h1.8V6zm0 6v1.7h1.8V12z",
  alarm_medium: "M8 .5 15.5 8 8 15.5.5 8zM7.1 4v5h1.8V4zm0 6v1.7h1.8V10z",
  alarm_low: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM7.1 4v5h1.8V4zm0 6v1.7h1.8V10z",
  alarm_none: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm-1.2 10L3.9 8.6l1.2-1.2 1.7 1.7 4-4L12 6.3z",
  sound_on: "M2 6h2.5L8 2.5v11L4.5 10H2zm8-1.2a4.5 4.5 0 0 1 0 6.4L9 10.2a3 3 0 0 0 0-4.4zm1.8-1.9a7.2 7.2 0 0 1 0 10.2l-1-1a5.8 5.8 0 0 0 0-8.2z",
  sound_off: "M2 6h2.5L8 2.5v11L4.5 10H2zm7.5.4 1-1L12 7l1.6-1.6 1 1L13 8l1.6 1.6-1 1L12 9l-1.6 1.6-1-1L11 8z",
  bell: "M8 1a4 4 0 0 0-4 4v4l-1.5 2v1h11v-1L12 9V5a4 4 0 0 0-4-4zM6.5 13a1.5 1.5 0 0 0 3 0z",
  bell_off: "M8 1a4 4 0 0 0-4 4v4l-1.5 2v1h11v-1L12 9V5a4 4 0 0 0-4-4zm0 1.8A2.2 2.2 0 0 1 10.2 5v5.2H5.8V5A2.2 2.2 0 0 1 8 2.8zM6.5 13a1.5 1.5 0 0 0 3 0z",
  copy: "M2 2h8v2H4v6H2zM6 6h8v8H6z",
  close: "M3.5 2 8 6.5 12.5 2 14 3.5 9.5 8l4.5 4.5-1.5 1.5L8 9.5 3.5 14 2 12.5 6.5 8 2 3.5z",
  locked: "M8 1a4 4 0 0 0-4 4v2H3v8h10V7h-1V5a4 4 0 0 0-4-4zm0 1.8A2.2 2.2 0 0 1 10.2 5v2H5.8V5A2.2 2.2 0 0 1 8 2.8z",
  frozen: "M7.2 1h1.6v2.3l1.6-1 .8 1.4-2.4 1.4v1.5l1.3-.75V3.1h1.6v1.85l2-1.15.8 1.4-2 1.15 1.6.95-.8 1.4-2.4-1.4L9.6 8l1.3.75 2.4-1.4.8 1.4-1.6.95 2 1.15-.8 1.4-2-1.15v1.85h-1.6V10.1l-1.3-.75v1.5l2.4 1.4-.8 1.4-1.6-1V15H7.2v-2.35l-1.6 1-.8-1.4 2.4-1.4v-1.5l-1.3.75v2.8H4.3V11.1l-2 1.15-.8-1.4 2-1.15-1.6-.95.8-1.4 2.4 1.4L6.4 8l-1.3-.75-2.4 1.4-.8-1.4 1.6-.95-2-1.15.8-1.4 2 1.15V3.1h1.6v2.8l1.3.75v-1.5l-2.4-1.4.8-1.4 1.6 1z",
  plus: "M7 2h2v5h5v2H9v5H7V9H2V7h5z",
  on_hold: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM4 7h8v2H4z",
  menu: "M2 3h12v2H2zM2 7h12v2H2zM2 11h12v2H2z",
  folded: "M3 5.5h10L8 11z",
  folded_out: "M3 10.5h10L8 5z",
  theme: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm0 2v10A5 5 0 0 1 8 3z",
};

/** A drawing beside a word; the word says it, so a screen reader skips the drawing. */
export function Glyph({ name, className = "glyph" }: { name: string; className?: string }): ReactElement {
  return (
    <svg className={className} viewBox="0 0 16 16" width="1em" height="1em" aria-hidden="true" focusable="false">
      <path d={GLYPHS[name] ?? GLYPHS["waiting"]} fill="currentColor" fillRule="evenodd" />
    </svg>
  );
}
