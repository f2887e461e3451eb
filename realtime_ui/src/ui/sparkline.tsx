import type { ReactElement } from "react";

const SLOTS = 12;
const WIDTH = 72;
const HEIGHT = 24;

/** Bars of the last twelve slots as one path: two hundred tiles are two hundred nodes, not 2,400. */
export function barsPath(values: readonly number[]): string {
  const shown = values.slice(-SLOTS);
  const most = Math.max(1, ...shown);
  const step = WIDTH / SLOTS;
  return Array.from({ length: SLOTS }, (_, slot) => {
    const value = shown[slot - (SLOTS - shown.length)] ?? 0;
    const height = value <= 0 ? 1 : Math.max(3, Math.round((value / most) * HEIGHT));
    return `M${slot * step + 0.75} ${HEIGHT}v${-height}h${step - 1.5}v${height}z`;
  }).join("");
}

export function Sparkline({ values, label }: { values: readonly number[]; label: string }): ReactElement {
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={barsPath(values)} fill="currentColor" />
    </svg>
  );
}
