import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement, type ReactNode } from "react";
import { api, type StockQuery } from "../api/endpoints.ts";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { Pager } from "../desk/pager.tsx";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { instantOf } from "../orders/dates.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, reasonOf, Skeleton } from "../ui/states.tsx";
import { TABS, type StockSearch, type Tab } from "./search.ts";
import "../orders/orders.css";
import "../desk/desk.css";

const route = getRouteApi("/shell/stock");
const PAGE_ROWS = 50;
const TYPING_MS = 250;
const REFRESH_MS = 15_000;

/** `/stock`: what lies where, what moved, what is promised, what is missing, what to order. */
export function StockPage(): ReactElement {
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="320px" />}>
      <Stock />
    </DeskWords>
  );
}

function Stock(): ReactElement {
  const t = useDesk();
  const search = route.useSearch();
  const sites = useSites();
  const tab: Tab = search.tab ?? "items";
  const site = sites.data?.items.find((each) => each.code === search.site) ?? sites.data?.items[0];
  const zone = site?.time_zone ?? "UTC";
  const filter: StockQuery = {
    site: search.site,
    // Items are searched by a part of their name; everything else is of one item.
    ...(tab === "items" ? { search: search.item } : { item: search.item }),
    ...(tab === "lots" ? { lot: search.lot, as_of: search.as_of === undefined ? undefined : instantOf(search.as_of, zone) } : {}),
    limit: PAGE_ROWS,
    offset: (search.page ?? 0) * PAGE_ROWS,
  };
  const shown = { filter, zone, search };
  return (
    <div className="desk">
      <header>
        <h1>{t("stock.title")}</h1>
      </header>
      <nav className="tabs" aria-label={t("stock.title")}>
        {TABS.map((each) => (
          <Link key={each} to="/stock" search={{ ...(search.site === undefined ? {} : { site: search.site }), ...(search.item === undefined ? {} : { item: search.item }), ...(each === "items" ? {} : { tab: each }) }} className="chip" data-status={each === tab ? "active" : undefined} aria-current={each === tab ? "page" : undefined} activeOptions={{ exact: true, includeSearch: true }} data-testid={`tab-${each}`}>
            {wordOf(t, "stock_tab", each)}
          </Link>
        ))}
      </nav>
      <StockFilters key={tab} search={search} tab={tab} />
      {tab === "items" && <Items {...shown} />}
      {tab === "lots" && <Lots {...shown} />}
      {tab === "movements" && <Movements {...shown} />}
      {tab === "reservations" && <Reservations {...shown} />}
      {tab === "shortages" && <Shortages {...shown} />}
      {tab === "replenishment" && <Replenishment {...shown} />}
    </div>
  );
}

function StockFilters({ search, tab }: { search: StockSearch; tab: Tab }): ReactElement {
  const t = useDesk();
  const navigate = useNavigate();
  const sites = useSites();
  const items = useQuery({ queryKey: ["items"], queryFn: api.items, staleTime: 60_000 });
  const [item, setItem] = useState(search.item ?? "");
  const apply = (change: Partial<Record<keyof StockSearch, string>>): void => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([name, value]) => name !== "page" && value !== ""));
    void navigate({ to: "/stock", search: next as StockSearch, replace: true });
  };
  useEffect(() => {
    if (item === (search.item ?? "")) return undefined;
    const timer = setTimeout(() => { apply({ item }); }, TYPING_MS);
    return () => { clearTimeout(timer); };
  });
  return (
    <form className="filters" role="search" onSubmit={(event) => { event.preventDefault(); apply({ item }); }}>
      <label>
        <span className="hidden-words">{t("orders.item")}</span>
        <input type="search" name="item" list="stock-items" placeholder={t(tab === "items" ? "stock.search" : "stock.item")} value={item} onChange={(event) => { setItem(event.target.value); }} />
      </label>
      <datalist id="stock-items">
        {items.data?.items.map((each) => (
          <option key={each.code} value={each.code}>
            {each.name}
          </option>
        ))}
      </datalist>
      {(sites.data?.items.length ?? 0) > 1 && (
        <label>
          <span className="hidden-words">{t("orders.site")}</span>
          <select value={search.site ?? ""} onChange={(event) => { apply({ site: event.target.value }); }}>
            <option value="">{t("orders.all_sites")}</option>
            {sites.data?.items.map((each) => (
              <option key={each.code} value={each.code}>
                {each.name}
              </option>
            ))}
          </select>
        </label>
      )}
      {tab === "lots" && (
        <label className="field">
          <span>{t("stock.as_of")}</span>
          <input type="datetime-local" name="as_of" value={search.as_of ?? ""} onChange={(event) => { apply({ as_of: event.target.value }); }} />
        </label>
      )}
    </form>
  );
}

interface Shown {
  filter: StockQuery;
  zone: string;
  search: StockSearch;
}

interface ListProps<Row> {
  name: string;
  load: () => Promise<{ items: Row[]; total: number }>;
  shown: Shown;
  columns: readonly string[];
  empty: ReactNode;
  row: (row: Row) => ReactElement;
}

/** A list with its designed states: loading, nothing there, failed, pages. */
function List<Row>({ name, load, shown, columns, empty, row }: ListProps<Row>): ReactElement {
  const t = useDesk();
  const rows = useQuery({ queryKey: ["stock", name, shown.filter], queryFn: load, refetchInterval: REFRESH_MS });
  if (rows.isError && rows.data === undefined) return <Failed what={t("stock.failed")} error={rows.error} retry={() => void rows.refetch()} />;
  if (rows.data === undefined) return <Skeleton width="100%" height="240px" />;
  if (rows.data.items.length === 0) return <Empty title={t("stock.empty")}>{empty}</Empty>;
  return (
    <>
      <div className="scroll-x" role="region" aria-label={wordOf(t, "stock_tab", name)} tabIndex={0}>
        <table className="table" data-testid={`stock-${name}`}>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col" className={NUMBERS.has(column) ? "number" : ""}>
                  {wordOf(t, "stock_column", column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{rows.data.items.map(row)}</tbody>
        </table>
      </div>
      <Pager total={rows.data.total} rows={PAGE_ROWS} page={shown.search.page ?? 0} to={(page) => ({ to: "/stock", search: { ...shown.search, page } })} />
    </>
  );
}

const NUMBERS: ReadonlySet<string> = new Set(["available", "reserved", "free", "incoming", "quantity", "quality", "blocked", "needed", "missing"]);

function useSaid(zone: string): { quantity: (n: number, unit: string) => string; moment: (at: string | null | undefined) => string } {
  const t = useDesk();
  const now = useNow();
  return {
    quantity: (n, unit) => `${formatNumber(n, t.language)} ${formatUnit(t, unit, n)}`,
    moment: (text) => {
      const at = timeOf(text);
      return at === null ? "–" : formatMoment(t, at, now, zone);
    },
  };
}

function Items(shown: Shown): ReactElement {
  const t = useDesk();
  const said = useSaid(shown.zone);
  return (
    <List
      name="items"
      load={() => api.stockItems(shown.filter)}
      shown={shown}
      columns={["item", "site", "available", "reserved", "free", "incoming", "quality", "blocked"]}
      empty={<p>{t("stock.empty_items")}</p>}
      row={(row) => (
        <tr key={`${row.site} ${row.item}`}>
          <td>
            <Link to="/stock" search={{ tab: "lots", item: row.item, site: row.site }}>
              {row.item_name}
            </Link>{" "}
            <span className="faint">{row.item}</span>
            {row.shortfall > 0 && <p>{t("stock.shortfall", { quantity: said.quantity(row.shortfall, row.unit) })}</p>}
          </td>
          <td>{row.site}</td>
          <td className="number">{said.quantity(row.available, row.unit)}</td>
          <td className="number">{said.quantity(row.hard_reserved + row.soft_reserved, row.unit)}</td>
          <td className="number">
            <strong>{said.quantity(row.free, row.unit)}</strong>
          </td>
          <td className="number">{said.quantity(row.incoming, row.unit)}</td>
          <td className="number">{said.quantity(row.quality, row.unit)}</td>
          <td className="number">{said.quantity(row.blocked, row.unit)}</td>
        </tr>
      )}
    />
  );
}

function Lots(shown: Shown): ReactElement {
  const t = useDesk();
  const said = useSaid(shown.zone);
  return (
    <List
      name="lots"
      load={() => api.stock(shown.filter)}
      shown={shown}
      columns={["item", "site", "location", "lot", "status", "quantity", "received", "expires"]}
      empty={<p>{t("stock.empty_lots")}</p>}
      row={(row) => (
        <tr key={`${row.site} ${row.item} ${row.location} ${row.lot} ${row.status}`}>
          <td>
            {row.item_name} <span className="faint">{row.item}</span>
          </td>
          <td>{row.site}</td>
          <td>{row.location}</td>
          <td>{row.lot === "" ? "–" : row.lot}</td>
          <td>{wordOf(t, "stock_status", row.status)}</td>
          <td className="number">{said.quantity(row.quantity, row.unit)}</td>
          <td>{said.moment(row.received_at)}</td>
          <td>{row.expires_on ?? "–"}</td>
        </tr>
      )}
    />
  );
}

function Movements(shown: Shown): ReactElement {
  const t = useDesk();
  const said = useSaid(shown.zone);
  const place = (account: string, location: string | null, lot: string | null): string => [wordOf(t, "account", account), location, lot].filter((part) => part !== null && part !== "").join(" · ");
  return (
    <List
      name="movements"
      load={() => api.movements(shown.filter)}
      shown={shown}
      columns={["time", "item", "quantity", "kind", "from", "to", "for", "by"]}
      empty={<p>{t("stock.empty_movements")}</p>}
      row={(row) => (
        <tr key={row.id}>
          <td>{said.moment(row.occurred_at)}</td>
          <td>{row.item}</td>
          <td className="number">{said.quantity(row.quantity, row.unit)}</td>
          <td>{wordOf(t, "posting", row.kind)}</td>
          <td>{place(row.from_account, row.from_location, row.from_lot)}</td>
          <td>{place(row.to_account, row.to_location, row.to_lot)}</td>
          <td>{row.order === null ? (row.work_order ?? row.purchase ?? row.reference ?? "–") : <Link to="/orders/$number" params={{ number: row.order }}>{row.order}</Link>}</td>
          <td>
            {row.actor}
            {row.reason !== null && <p className="faint">{row.reason}</p>}
          </td>
        </tr>
      )}
    />
  );
}

/** What is done to a row of a list: done, told, and the lists are read again. */
function useDone<Input>(run: (input: Input) => Promise<unknown>, text: string): { mutate: (input: Input) => void; isPending: boolean } {
  const t = useDesk();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSuccess: () => { tell(text); },
    onError: (error: unknown) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: ["stock"] }),
  });
}

function Reservations(shown: Shown): ReactElement {
  const t = useDesk();
  const said = useSaid(shown.zone);
  const mayOrder = usePermission("order");
  const release = useDone((id: number) => api.releaseReservation(id), t("stock.released"));
  return (
    <List
      name="reservations"
      load={() => api.reservations({ ...shown.filter, state: "open" })}
      shown={shown}
      columns={["item", "quantity", "kind", "needed_at", "for", "until", "note", ...(mayOrder ? ["action"] : [])]}
      empty={<p>{t("stock.empty_reservations")}</p>}
      row={(row) => (
        <tr key={row.id}>
          <td>{row.item}</td>
          <td className="number">{said.quantity(row.quantity - row.consumed, row.unit)}</td>
          <td>{wordOf(t, "reservation_kind", row.kind)}</td>
          <td>{said.moment(row.need_at)}</td>
          <td>{row.order === null ? (row.work_order ?? row.customer ?? "–") : <Link to="/orders/$number" params={{ number: row.order }}>{row.order}</Link>}</td>
          <td>{said.moment(row.expires_at)}</td>
          <td>
            {row.note ?? ""} <span className="faint">{row.created_by}</span>
          </td>
          {mayOrder && (
            <td>
              {(row.origin === "promise" || row.origin === "request") && (
                <button type="button" className="button" disabled={release.isPending} onClick={() => { release.mutate(row.id); }}>
                  {t("stock.release")}
                </button>
              )}
            </td>
          )}
        </tr>
      )}
    />
  );
}

function Shortages(shown: Shown): ReactElement {
  const t = useDesk();
  const said = useSaid(shown.zone);
  return (
    <List
      name="shortages"
      load={() => api.shortages(shown.filter)}
      shown={shown}
      columns={["item", "needed", "missing", "needed_at", "for", "comes"]}
      empty={<p>{t("stock.empty_shortages")}</p>}
      row={(row) => (
        <tr key={row.reservation}>
          <td>{row.item}</td>
          <td className="number">{said.quantity(row.needed, row.unit)}</td>
          <td className="number">
            <strong>{said.quantity(row.missing, row.unit)}</strong>
          </td>
          <td>{said.moment(row.need_at)}</td>
          <td>{row.order === null ? (row.work_order ?? "–") : <Link to="/orders/$number" params={{ number: row.order }}>{row.order}</Link>}</td>
          <td>{row.comes_at === null ? t("stock.never_comes") : `${said.moment(row.comes_at)} ${row.comes_from.join(", ")}`}</td>
        </tr>
      )}
    />
  );
}

function Replenishment(shown: Shown): ReactElement {
  const t = useDesk();
  const said = useSaid(shown.zone);
  const mayBuy = usePermission("purchase");
  const refresh = useDone(() => api.propose(shown.filter.site), t("stock.proposed"));
  const accept = useDone((id: number) => api.acceptProposal(id), t("stock.accepted"));
  const dismiss = useDone((id: number) => api.dismissProposal(id), t("stock.dismissed"));
  const waiting = accept.isPending || dismiss.isPending;
  return (
    <>
      {mayBuy && (
        <div>
          <button type="button" className="button" disabled={refresh.isPending} onClick={() => { refresh.mutate(undefined); }} data-testid="propose">
            {t("stock.propose")}
          </button>
        </div>
      )}
      <List
        name="replenishment"
        load={() => api.replenishment({ ...shown.filter, state: "open" })}
        shown={shown}
        columns={["item", "site", "quantity", "kind", "order_by", "needed_at", "because", ...(mayBuy ? ["action"] : [])]}
        empty={<p>{t("stock.empty_replenishment")}</p>}
        row={(row) => (
          <tr key={row.id}>
            <td>{row.item}</td>
            <td>{row.site}</td>
            <td className="number">{said.quantity(row.quantity, row.unit)}</td>
            <td>
              {wordOf(t, "proposal", row.kind)}
              {row.supplier !== null && <p className="faint">{row.supplier}</p>}
            </td>
            <td>{said.moment(row.order_by)}</td>
            <td>{said.moment(row.need_at)}</td>
            <td>{row.reason}</td>
            {mayBuy && (
              <td>
                <span className="actions">
                  <button type="button" className="button button-primary" disabled={waiting} onClick={() => { accept.mutate(row.id); }} data-testid={`accept-${row.item}`}>
                    {t("stock.accept")}
                  </button>
                  <button type="button" className="button button-quiet" disabled={waiting} onClick={() => { dismiss.mutate(row.id); }}>
                    {t("stock.dismiss")}
                  </button>
                </span>
              </td>
            )}
          </tr>
        )}
      />
    </>
  );
}
