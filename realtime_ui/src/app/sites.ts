import { useQuery } from "@tanstack/react-query";
import { api } from "../api/endpoints.ts";
import { useSession } from "../session/session.ts";

const KEPT_MS = 300_000;
/** Without any site the first one is about to be made: ask again soon. */
const NONE_YET_MS = 3_000;

/** The sites that this person may see. */
export function useSites(): ReturnType<typeof useQuery<Awaited<ReturnType<typeof api.sites>>>> {
  const session = useSession();
  return useQuery({
    queryKey: ["sites"],
    queryFn: api.sites,
    staleTime: KEPT_MS,
    refetchInterval: (query) => (query.state.data?.items.length === 0 ? NONE_YET_MS : false),
    enabled: session.data?.permissions.includes("read") === true,
  });
}

/** A site's time zone; UTC until it is known. */
export function useZone(site: string): string {
  return zoneOf(useSites().data?.items, site);
}

/** The time zone of one of these sites; UTC if it is none of them. */
export function zoneOf(sites: readonly { code: string; time_zone: string }[] | undefined, site: string | undefined): string {
  return sites?.find((each) => each.code === site)?.time_zone ?? "UTC";
}
