import type { Planning } from "../api/types.ts";
import { useSites } from "../app/sites.ts";

/** A planning scope by the names of its sites. */
export function useScopeName(): (planning: Pick<Planning, "sites">) => string {
  const sites = useSites().data?.items;
  return (planning) => planning.sites.map((code) => sites?.find((site) => site.code === code)?.name ?? code).join(" + ");
}
