import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../../api/endpoints.ts";

const LOOK_AGAIN_MS = 60_000;
const MOST = 500;

/** The orders of these sites that somebody put on hold, by number. */
export function useOnHold(sites: readonly string[]): ReadonlySet<string> {
  const found = useQueries({
    queries: sites.map((site) => ({ queryKey: ["orders", "on_hold", site], queryFn: () => api.orders({ site, state: "on_hold", limit: MOST, offset: 0 }), refetchInterval: LOOK_AGAIN_MS })),
    combine: (results) => results.flatMap((each) => each.data?.items.map((order) => order.number) ?? []).join("\n"),
  });
  return useMemo(() => new Set(found === "" ? [] : found.split("\n")), [found]);
}
