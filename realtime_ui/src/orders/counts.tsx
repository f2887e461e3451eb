import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { useDesk } from "../desk/language.tsx";
import { formatNumber } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import type { OrderFilters } from "./filters.ts";

const REFRESH_MS = 10_000;
const QUICK: readonly { name: "open" | "under_review" | "late"; query: { state?: string; late?: string; open?: string } }[] = [
  { name: "open", query: { open: "true" } },
  { name: "under_review", query: { state: "under_review" } },
  { name: "late", query: { late: "true" } },
];

/** How many orders are open, wait for people, are late: each a way to see them. */
export function Counts({ filters }: { filters: OrderFilters }): ReactElement {
  const t = useDesk();
  const site = filters.site;
  const counts = useQueries({
    queries: QUICK.map(({ name, query }) => ({
      queryKey: ["order-count", name, site],
      queryFn: () => api.orders({ site, ...query, limit: 0, offset: 0 }),
      refetchInterval: REFRESH_MS,
      select: (list: Awaited<ReturnType<typeof api.orders>>) => list.total,
    })),
  });
  return (
    <ul className="counts">
      {QUICK.map(({ name, query }, place) => {
        return (
          <li key={name}>
            <Link to="/orders" search={{ ...(site === undefined ? {} : { site }), ...query }} className="count" activeOptions={{ exact: true, includeSearch: true }} data-testid={`count-${name}`}>
              <span>{wordOf(t, "count", name)}</span>
              <strong>{counts[place]?.data === undefined ? "–" : formatNumber(counts[place].data, t.language)}</strong>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
