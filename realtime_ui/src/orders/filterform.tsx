import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { useSites } from "../app/sites.ts";
import { useDesk } from "../desk/language.tsx";
import { wordOf } from "../i18n/translator.ts";
import { FINDING_CODES } from "../review/words.ts";
import { filtersOf, type OrderFilters } from "./filters.ts";
import { useNarrow } from "../ui/narrow.ts";

const TYPING_MS = 250;
const SORTS = ["received", "due", "priority", "lateness"] as const;
const STATES = ["received", "under_review", "confirmed", "released", "in_production", "produced", "on_hold", "cancelled"] as const;

/** What the list shows. On a phone the search stays, and the rest folds. */
export function Filters({ filters }: { filters: OrderFilters }): ReactElement {
  const t = useDesk();
  const narrow = useNarrow();
  const navigate = useNavigate();
  const sites = useSites();
  const customers = useQuery({ queryKey: ["customers"], queryFn: api.customers, staleTime: 60_000 });
  const items = useQuery({ queryKey: ["items"], queryFn: api.items, staleTime: 60_000 });
  const [search, setSearch] = useState(filters.search ?? "");
  const [channel, setChannel] = useState(filters.channel ?? "");
  const apply = (change: { [Name in keyof OrderFilters]?: string | undefined }): void => {
    void navigate({ to: "/orders", search: filtersOf({ ...filters, ...change }), replace: true });
  };
  useEffect(() => {
    if (search === (filters.search ?? "") && channel === (filters.channel ?? "")) return undefined;
    const timer = setTimeout(() => { apply({ search, channel }); }, TYPING_MS);
    return () => { clearTimeout(timer); };
  });
  const set = FOLDED.filter((name) => filters[name] !== undefined).length;
  const usual = (
    <>
      <label>
        <span className="hidden-words">{t("orders.state")}</span>
        <select value={filters.state ?? ""} onChange={(event) => { apply({ state: event.target.value }); }}>
          <option value="">{t("orders.all_states")}</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {wordOf(t, "stage", state)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span className="hidden-words">{t("orders.customer")}</span>
        <select value={filters.customer ?? ""} onChange={(event) => { apply({ customer: event.target.value }); }}>
          <option value="">{t("orders.all_customers")}</option>
          {customers.data?.items.map((customer) => (
            <option key={customer.code} value={customer.code}>
              {customer.name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span className="hidden-words">{t("orders.sort")}</span>
        <select value={filters.sort ?? "received"} onChange={(event) => { apply({ sort: event.target.value === "received" ? undefined : event.target.value }); }}>
          {SORTS.map((sort) => (
            <option key={sort} value={sort}>
              {wordOf(t, "sort", sort)}
            </option>
          ))}
        </select>
      </label>
      <label className="check">
        <input type="checkbox" checked={filters.late === "true"} onChange={(event) => { apply({ late: event.target.checked ? "true" : undefined }); }} />
        <span>{t("orders.only_late")}</span>
      </label>
      {(sites.data?.items.length ?? 0) > 1 && (
        <label>
          <span className="hidden-words">{t("orders.site")}</span>
          <select value={filters.site ?? ""} onChange={(event) => { apply({ site: event.target.value }); }}>
            <option value="">{t("orders.all_sites")}</option>
            {sites.data?.items.map((site) => (
              <option key={site.code} value={site.code}>
                {site.name}
              </option>
            ))}
          </select>
        </label>
      )}
    </>
  );
  const further = (
    <div className="filters">
      <label className="field">
        <span>{t("orders.item")}</span>
        <select value={filters.item ?? ""} onChange={(event) => { apply({ item: event.target.value }); }}>
          <option value="">{t("orders.all_items")}</option>
          {items.data?.items.map((item) => (
            <option key={item.code} value={item.code}>
              {item.name}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{t("orders.finding")}</span>
        <select value={filters.finding ?? ""} onChange={(event) => { apply({ finding: event.target.value }); }}>
          <option value="">{t("orders.any_finding")}</option>
          {FINDING_CODES.map((code) => (
            <option key={code} value={code}>
              {wordOf(t, "finding_name", code)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{t("orders.channel")}</span>
        <input value={channel} maxLength={100} onChange={(event) => { setChannel(event.target.value); }} />
      </label>
      <label className="field">
        <span>{t("orders.due_from")}</span>
        <input type="date" value={filters.due_from ?? ""} onChange={(event) => { apply({ due_from: event.target.value }); }} />
      </label>
      <label className="field">
        <span>{t("orders.due_until")}</span>
        <input type="date" value={filters.due_until ?? ""} onChange={(event) => { apply({ due_until: event.target.value }); }} />
      </label>
    </div>
  );
  return (
    <form className="filters" role="search" onSubmit={(event) => { event.preventDefault(); apply({ search, channel }); }}>
      <label>
        <span className="hidden-words">{t("orders.search")}</span>
        <input type="search" placeholder={t("orders.search")} value={search} onChange={(event) => { setSearch(event.target.value); }} />
      </label>
      {narrow ? (
        <details className="filters-more" data-testid="filters-fold">
          <summary>{set === 0 ? t("orders.filters") : t("orders.filters_set", { n: set })}</summary>
          <div className="filters">{usual}</div>
          {further}
        </details>
      ) : (
        <>
          {usual}
          <details className="filters-more" open={MORE.some((name) => filters[name] !== undefined)}>
            <summary>{t("orders.more_filters")}</summary>
            {further}
          </details>
        </>
      )}
    </form>
  );
}

const MORE = ["item", "finding", "channel", "due_from", "due_until"] as const;
const FOLDED = ["state", "customer", "sort", "late", "site", ...MORE] as const;
