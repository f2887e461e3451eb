import { useEffect, useState } from "react";

/** Whether the screen is a phone's: where rows are cards and filters fold. */
export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia("(max-width: 760px)").matches);
  useEffect(() => {
    const query = matchMedia("(max-width: 760px)");
    const listen = (): void => { setNarrow(query.matches); };
    query.addEventListener("change", listen);
    return () => { query.removeEventListener("change", listen); };
  }, []);
  return narrow;
}
