import type { ChartElements } from "./contract.ts";

/** So often now moves on where nothing else happens. */
const TICK_MS = 1_000;

/**
 * Draw again when the chart's place, the theme, the fonts or the time changes; `restyled` comes
 * before, when colours and measures are others. Returns what ends it.
 */
export function watch({ scroller }: ChartElements, redraw: () => void, restyled: () => void): () => void {
  const restyle = (): void => {
    restyled();
    redraw();
  };
  const sizes = new ResizeObserver(redraw);
  sizes.observe(scroller);
  const theme = new MutationObserver(restyle);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const clock = setInterval(redraw, TICK_MS);
  scroller.addEventListener("scroll", redraw, { passive: true });
  document.fonts.addEventListener("loadingdone", restyle);
  return () => {
    sizes.disconnect();
    theme.disconnect();
    clearInterval(clock);
    scroller.removeEventListener("scroll", redraw);
    document.fonts.removeEventListener("loadingdone", restyle);
  };
}
