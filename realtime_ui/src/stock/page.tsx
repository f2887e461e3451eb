import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Fragment, useEffect, useState, type ReactElement, type ReactNode } from "react";
import { api, type StockQuery } from "../api/endpoints.ts";
import type { ReplenishmentProposal, Shortage } from "../api/types.ts";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { ExportButton } from "../desk/export.tsx";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { Pager } from "../desk/pager.tsx";
import { Table, type TableRow } from "../desk/table.tsx";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { instantOf } from "../orders/dates.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import type { Cell } from "../ui/csv.ts";
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

type PageOf<Row> = (page: { limit: number; offset: number }) => Promise<{ items: Row[]; total: number }>;

interface ListProps<Row> {
  name: Tab;
  load: PageOf<Row>;
  shown: Shown;
  columns: readonly string[];
  empty: ReactNode;
  row: (row: Row) => TableRow;
  /** The same as plain values, for a file; as many as there are headings. */
  headings: readonly string[];
  plain: (row: Row) => readonly Cell[];
  actions?: ReactNode;
}

/** A list with its designed states: loading, nothing there, failed, pages. */
function List<Row>({ name, load, shown, columns, empty, row, headings, plain, actions }: ListProps<Row>): ReactElement {
  const t = useDesk();
  const { limit, offset } = shown.filter;
  const rows = useQuery({ queryKey: ["stock", name, shown.filter], queryFn: () => load({ limit, offset }), refetchInterval: REFRESH_MS });
  const total = rows.data?.total;
  return (
    <>
      <div className="list-head">
        <p className="faint" aria-live="polite">{total === undefined ? " " : t("stock.rows", { n: total })}</p>
        <div className="actions">
          {actions}
          {total !== undefined && total > 0 && <ExportButton name={`stock-${name}`} headings={headings.map((heading) => wordOf(t, "stock_column", heading))} load={load} cells={plain} />}
        </div>
      </div>
      {rows.isError && rows.data === undefined ? (
        <Failed what={t("stock.failed")} error={rows.error} retry={() => void rows.refetch()} />
      ) : rows.data === undefined ? (
        <Skeleton width="100%" height="240px" />
      ) : rows.data.items.length === 0 ? (
        <Empty title={t("stock.empty")}>{empty}</Empty>
      ) : (
        <>
          <Table label={wordOf(t, "stock_tab", name)} testid={`stock-${name}`} columns={columns.map((column, place) => ({ key: column, label: wordOf(t, "stock_column", column), number: NUMBERS.has(column), title: place === titleOf(columns) }))} rows={rows.data.items.map(row)} />
          <Pager total={rows.data.total} rows={PAGE_ROWS} page={shown.search.page ?? 0} to={(page) => ({ to: "/stock", search: { ...shown.search, page } })} />
        </>
      )}
    </>
  );
}

function titleOf(columns: readonly string[]): number {
  return columns.indexOf("item");
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
      load={(page) => api.stockItems({ ...shown.filter, ...page })}
      shown={shown}
      columns={["item", "site", "available", "reserved", "free", "incoming", "quality", "blocked"]}
      empty={<p>{t("stock.empty_items")}</p>}
      row={(row) => ({
        key: `${row.site} ${row.item}`,
        cells: [
          <Fragment key="item">
            <Link to="/stock" search={{ tab: "lots", item: row.item, site: row.site }}>
              {row.item_name}
            </Link>{" "}
            <span className="faint">{row.item}</span>
            {row.shortfall > 0 && <p>{t("stock.shortfall", { quantity: said.quantity(row.shortfall, row.unit) })}</p>}
          </Fragment>,
          row.site,
          said.quantity(row.available, row.unit),
          said.quantity(row.hard_reserved + row.soft_reserved, row.unit),
          <strong key="free">{said.quantity(row.free, row.unit)}</strong>,
          said.quantity(row.incoming, row.unit),
          said.quantity(row.quality, row.unit),
          said.quantity(row.blocked, row.unit),
        ],
      })}
      headings={["item", "name", "site", "unit", "available", "reserved", "free", "incoming", "quality", "blocked"]}
      plain={(row) => [row.item, row.item_name, row.site, row.unit, row.available, row.hard_reserved + row.soft_reserved, row.free, row.incoming, row.quality, row.blocked]}
    />
  );
}

function Lots(shown: Shown): ReactElement {
  const t = useDesk();
  const said = useSaid(shown.zone);
  return (
    <List
      name="lots"
      load={(page) => api.stock({ ...shown.filter, ...page })}
      shown={shown}
      columns={["item", "site", "location", "lot", "status", "quantity", "received", "expires"]}
      empty={<p>{t("stock.empty_lots")}</p>}
      row={(row) => ({
        key: `${row.site} ${row.item} ${row.location} ${row.lot} ${row.status}`,
        cells: [
          <Fragment key="item">
            {row.item_name} <span className="faint">{row.item}</span>
          </Fragment>,
          row.site,
          row.location,
          row.lot === "" ? "–" : row.lot,
          wordOf(t, "stock_status", row.status),
          said.quantity(row.quantity, row.unit),
          said.moment(row.received_at),
          row.expires_on ?? "–",
        ],
      })}
      headings={["item", "name", "site", "unit", "location", "lot", "status", "quantity", "received", "expires"]}
      plain={(row) => [row.item, row.item_name, row.site, row.unit, row.location, row.lot, wordOf(t, "stock_status", row.status), row.quantity, row.received_at, row.expires_on]}
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
      load={(page) => api.movements({ ...shown.filter, ...page })}
      shown={shown}
      columns={["time", "item", "quantity", "kind", "from", "to", "for", "by"]}
      empty={<p>{t("stock.empty_movements")}</p>}
      row={(row) => ({
        key: String(row.id),
        cells: [
          said.moment(row.occurred_at),
          row.item,
          said.quantity(row.quantity, row.unit),
          wordOf(t, "posting", row.kind),
          place(row.from_account, row.from_location, row.from_lot),
          place(row.to_account, row.to_location, row.to_lot),
          row.order === null ? (row.work_order ?? row.purchase ?? row.reference ?? "–") : <Link to="/orders/$number" params={{ number: row.order }}>{row.order}</Link>,
          <Fragment key="by">
            {row.actor}
            {row.reason !== null && <p className="faint">{row.reason}</p>}
          </Fragment>,
        ],
      })}
      headings={["time", "item", "unit", "quantity", "kind", "from", "to", "for", "by", "note"]}
      plain={(row) => [row.occurred_at, row.item, row.unit, row.quantity, wordOf(t, "posting", row.kind), place(row.from_account, row.from_location, row.from_lot), place(row.to_account, row.to_location, row.to_lot), row.order ?? row.work_order ?? row.purchase ?? row.reference, row.actor, row.reason]}
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
      load={(page) => api.reservations({ ...shown.filter, ...page, state: "open" })}
      shown={shown}
      columns={["item", "quantity", "kind", "needed_at", "for", "until", "note", ...(mayOrder ? ["action"] : [])]}
      empty={<p>{t("stock.empty_reservations")}</p>}
      row={(row) => ({
        key: String(row.id),
        testid: `reservation-${row.id}`,
        cells: [
          row.item,
          said.quantity(row.quantity - row.consumed, row.unit),
          wordOf(t, "reservation_kind", row.kind),
          said.moment(row.need_at),
          row.order === null ? (row.work_order ?? row.customer ?? "–") : <Link to="/orders/$number" params={{ number: row.order }}>{row.order}</Link>,
          said.moment(row.expires_at),
          <Fragment key="note">
            {row.origin === "promise" ? t("stock.promised") : (row.note ?? "")} <span className="faint">{row.created_by}</span>
          </Fragment>,
          ...(mayOrder
            ? [
                (row.origin === "promise" || row.origin === "request") && (
                  <button type="button" className="button" disabled={release.isPending} onClick={() => { release.mutate(row.id); }} data-testid={`give-up-${row.id}`}>
                    {t("stock.release")}
                  </button>
                ),
              ]
            : []),
        ],
      })}
      headings={["item", "unit", "quantity", "kind", "needed_at", "for", "until", "note", "by"]}
      plain={(row) => [row.item, row.unit, row.quantity - row.consumed, wordOf(t, "reservation_kind", row.kind), row.need_at, row.order ?? row.work_order ?? row.customer, row.expires_at, row.note, row.created_by]}
    />
  );
}

function Shortages(shown: Shown): ReactElement {
  const t = useDesk();
  const said = useSaid(shown.zone);
  const mayBuy = usePermission("purchase");
  const waits = (row: Shortage): string => (row.orders.length > 0 ? row.orders.join(", ") : (row.work_order ?? ""));
  const comes = (row: Shortage): string => (row.comes_at === null ? t("stock.never_comes") : `${said.moment(row.comes_at)} ${row.comes_from.join(", ")}`);
  return (
    <List
      name="shortages"
      load={(page) => api.shortages({ ...shown.filter, ...page })}
      shown={shown}
      columns={["item", "site", "needed", "missing", "needed_at", "for", "comes", "proposal"]}
      empty={<p>{t("stock.empty_shortages")}</p>}
      row={(row) => ({
        key: String(row.reservation),
        testid: `shortage-${row.item}`,
        cells: [
          <Fragment key="item">
            <Link to="/stock" search={{ tab: "lots", item: row.item, site: row.site }}>
              {row.item_name}
            </Link>{" "}
            <span className="faint">{row.item}</span>
          </Fragment>,
          row.site,
          said.quantity(row.needed, row.unit),
          <Fragment key="missing">
            <strong>{said.quantity(row.missing, row.unit)}</strong>
            {row.expiring > 0 && <p className="faint">{t("stock.expiring", { quantity: said.quantity(row.expiring, row.unit) })}</p>}
          </Fragment>,
          said.moment(row.need_at),
          <Fragment key="for">
            {row.orders.map((number) => (
              <Fragment key={number}>
                <Link to="/orders/$number" params={{ number }}>
                  {number}
                </Link>{" "}
              </Fragment>
            ))}
            {row.work_order !== null && <span className="faint">{row.work_order}</span>}
          </Fragment>,
          comes(row),
          <Link key="proposal" to="/stock" search={{ tab: "replenishment", item: row.item, site: row.site }} data-testid={`proposal-of-${row.item}`}>
            {row.proposal !== null
              ? t("stock.proposal", { kind: wordOf(t, "proposal", row.proposal.kind), quantity: said.quantity(row.proposal.quantity, row.unit), at: said.moment(row.proposal.order_by) })
              : t(mayBuy ? "stock.no_proposal_look" : "stock.no_proposal")}
          </Link>,
        ],
      })}
      headings={["item", "name", "site", "unit", "needed", "missing", "expiring", "needed_at", "for", "work_order", "comes", "from", "proposal"]}
      plain={(row) => [row.item, row.item_name, row.site, row.unit, row.needed, row.missing, row.expiring, row.need_at, waits(row), row.work_order, row.comes_at, row.comes_from.join(", "), row.proposal?.quantity ?? null]}
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
  const why = ({ because, reason, unit }: ReplenishmentProposal): string =>
    because === null
      ? reason
      : t("stock.because", {
          code: because.code,
          left: said.quantity(because.left, unit),
          at: said.moment(because.at),
          limit: because.limit === null ? "" : said.quantity(because.limit, unit),
          lowest: said.quantity(because.lowest, unit),
        });
  return (
    <List
      name="replenishment"
      load={(page) => api.replenishment({ ...shown.filter, ...page, state: "open" })}
      shown={shown}
      columns={["item", "site", "quantity", "kind", "order_by", "needed_at", "because", ...(mayBuy ? ["action"] : [])]}
      empty={<p>{t("stock.empty_replenishment")}</p>}
      actions={
        mayBuy && (
          <button type="button" className="button" disabled={refresh.isPending} onClick={() => { refresh.mutate(undefined); }} data-testid="propose">
            {t("stock.propose")}
          </button>
        )
      }
      row={(row) => ({
        key: String(row.id),
        cells: [
          row.item,
          row.site,
          said.quantity(row.quantity, row.unit),
          <Fragment key="kind">
            {wordOf(t, "proposal", row.kind)}
            {row.supplier !== null && <p className="faint">{row.supplier}</p>}
          </Fragment>,
          said.moment(row.order_by),
          said.moment(row.need_at),
          why(row),
          ...(mayBuy
            ? [
                <span key="action" className="actions">
                  <button type="button" className="button button-primary" disabled={waiting} onClick={() => { accept.mutate(row.id); }} data-testid={`accept-${row.item}`}>
                    {t("stock.accept")}
                  </button>
                  <button type="button" className="button button-quiet" disabled={waiting} onClick={() => { dismiss.mutate(row.id); }} data-testid={`dismiss-${row.item}`}>
                    {t("stock.dismiss")}
                  </button>
                </span>,
              ]
            : []),
        ],
      })}
      headings={["item", "site", "unit", "quantity", "kind", "supplier", "order_by", "needed_at", "because"]}
      plain={(row) => [row.item, row.site, row.unit, row.quantity, wordOf(t, "proposal", row.kind), row.supplier, row.order_by, row.need_at, why(row)]}
    />
  );
}
