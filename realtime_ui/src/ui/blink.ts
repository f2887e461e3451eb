import { useEffect } from "react";

/** On and off together make 2 Hz: IEC 60073 asks for 1.4 to 2.8 Hz where somebody has to act now. */
const HALF_MS = 250;

let wanted = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Blink whatever is marked `act-now`, as long as any caller is shown. One timer for the whole page
 * instead of an endless animation per mark, which would have the browser draw every frame of a wall
 * that is still.
 */
export function useBlink(): void {
  useEffect(() => {
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    wanted += 1;
    timer ??= setInterval(() => {
      if (still.matches) document.documentElement.removeAttribute("data-blink");
      else document.documentElement.toggleAttribute("data-blink");
    }, HALF_MS);
    return () => {
      wanted -= 1;
      if (wanted > 0) return;
      clearInterval(timer);
      timer = undefined;
      document.documentElement.removeAttribute("data-blink");
    };
  }, []);
}
