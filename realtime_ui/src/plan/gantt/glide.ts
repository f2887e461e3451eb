import type { Bar, Span } from "./bars.ts";

/** So long a bar is on its way when a plan moves it. */
export const GLIDE_MS = 350;

/** Fast at first, slow where it arrives. */
function eased(share: number): number {
  return 1 - (1 - share) ** 3;
}

function between(from: Span | null, to: Span | null, share: number): Span | null {
  if (from === null || to === null) return to;
  return { from: from.from + (to.from - from.from) * share, to: from.to + (to.to - from.to) * share };
}

/** Whether a bar is on its way at a moment of the page's clock. */
export function isGliding(bar: Bar, clock: number): boolean {
  return bar.movedAt !== null && bar.movedFrom !== null && clock - bar.movedAt < GLIDE_MS;
}

/** A bar on its way, and how much of the way between the rows (`rise`, in pixels) it still has before it. */
export function glided(bar: Bar, clock: number, rise: number): { bar: Bar; rise: number } {
  const { movedAt, movedFrom: before } = bar;
  if (movedAt === null || before === null || !isGliding(bar, clock)) return { bar, rise: 0 };
  const share = eased(Math.max(0, clock - movedAt) / GLIDE_MS);
  const planned = between(before.planned, bar.planned, share);
  const shift = planned === null || bar.planned === null ? 0 : planned.from - bar.planned.from;
  return {
    bar: { ...bar, planned, setupFrom: bar.setupFrom === null ? null : bar.setupFrom + shift, projected: between(before.projected, bar.projected, share) },
    rise: rise * (1 - share),
  };
}
