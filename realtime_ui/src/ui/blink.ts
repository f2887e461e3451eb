import { useEffect } from "react";

/** On and off together make 2 Hz: IEC 60073 asks for 1.4 to 2.8 Hz where somebody has to act now. */
const HALF_MS = 250;

/**
 * Blink whatever is marked `act-now`, as long as the caller is shown. One timer instead of an
 * endless animation per mark, which would have the browser draw every frame of a wall that is still.
 */
export function useBlink(): void {
  useEffect(() => {
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const timer = setInterval(() => {
      if (still.matches) document.documentElement.removeAttribute("data-blink");
      else document.documentElement.toggleAttribute("data-blink");
    }, HALF_MS);
    return () => {
      clearInterval(timer);
      document.documentElement.removeAttribute("data-blink");
    };
  }, []);
}
