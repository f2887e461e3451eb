import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Fragment, type ReactElement } from "react";
import { useSites } from "../app/sites.ts";
import { ExportButton } from "../desk/export.tsx";
import { Pager } from "../desk/pager.tsx";
import { Table, type TableRow } from "../desk/table.tsx";
import { formatMoment } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { instantOf } from "../orders/dates.ts";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { alarmApi, type AlarmEntry } from "./api.ts";
import { PriorityBadge } from "./badge.tsx";
import { PriorityChips, SearchField, SiteField } from "./filters.tsx";
import { AlarmRoom } from "./frame.tsx";
import { useAlarms } from "./language.tsx";
import { EVENTS, prioritiesOf, togglePriority, type Filter, type HistorySearch } from "./search.ts";
import { subjectOf } from "./subject.ts";
import { ALARMS, useAlarmWakes } from "./urgent.ts";
import { alarmName } from "./words.ts";

const route = getRouteApi("/shell/alarms/history");
const PAGE_ROWS = 100;
const DAY_MS = 86_400_000;

/** `/alarms/history`: everything that happened to alarms, newest first. */
export function AlarmHistoryPage(): ReactElement {
  return (
    <AlarmRoom room="history">
      <History />
    </AlarmRoom>
  );
}

/** The day after, as `2026-11-23`: the last day that is asked for belongs to it. */
export function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
}

function useZoneOf(site: string | undefined): string {
  const sites = useSites().data?.items;
  return (sites?.find((each) => each.code === site) ?? sites?.[0])?.time_zone ?? "UTC";
}

function History(): ReactElement {
  const t = useAlarms();
  const search = route.useSearch();
  const now = useNow();
  const zone = useZoneOf(search.site);
  const every = useAlarmWakes();
  const filter: Filter = {
    alarm: search.alarm,
    site: search.site,
    event: search.event,
    priority: prioritiesOf(search.priority),
    search: search.search,
    from: search.from === undefined ? undefined : instantOf(`${search.from}T00:00`, zone),
    to: search.to === undefined ? undefined : instantOf(`${dayAfter(search.to)}T00:00`, zone),
  };
  const offset = (search.page ?? 0) * PAGE_ROWS;
  const entries = useQuery({
    queryKey: [...ALARMS, "history", filter, offset],
    queryFn: () => alarmApi.history({ ...filter, limit: PAGE_ROWS, offset }),
    refetchInterval: every,
    placeholderData: keepPreviousData,
  });
  const columns = ["time", "event", "priority", "name", "state", "by", "reason"];
  return (
    <>
      <HistoryFilters search={search} />
      <div className="list-head">
        <p className="faint" aria-live="polite" data-testid="history-total">{entries.data === undefined ? " " : t("alarms.entries", { n: entries.data.total })}</p>
        {entries.data !== undefined && entries.data.total > 0 && (
          <ExportButton
            name="alarm-history"
            headings={["time", "event", "name", "subject", "site", "priority", "before", "after", "count", "by", "reason", "rule", "cause"].map((each) => wordOf(t, "alarm_column", each))}
            load={(page) => alarmApi.history({ ...filter, ...page })}
            cells={(entry) => [entry.at, wordOf(t, "alarm_event", entry.event), alarmName(t, entry), entry.subject, entry.site, wordOf(t, "alarm_priority", entry.priority), wordOf(t, "alarm_state", entry.before), wordOf(t, "alarm_state", entry.after), entry.occurrence, entry.actor, entry.reason, entry.rule, entry.cause]}
          />
        )}
      </div>
      {entries.isError && entries.data === undefined ? (
        <Failed what={t("alarms.failed")} error={entries.error} retry={() => void entries.refetch()} />
      ) : entries.data === undefined ? (
        <Skeleton width="100%" height="320px" />
      ) : entries.data.items.length === 0 ? (
        <Empty title={t("alarms.no_entries")}>
          <Link to="/alarms/history" search={{}} className="button">
            {t("alarms.clear_filters")}
          </Link>
        </Empty>
      ) : (
        <>
          <Table label={t("alarm_room.history")} testid="alarm-history" columns={columns.map((column) => ({ key: column, label: wordOf(t, "alarm_column", column), title: column === "name" }))} rows={entries.data.items.map((entry) => rowOf(t, entry, now, zone))} />
          <Pager total={entries.data.total} rows={PAGE_ROWS} page={search.page ?? 0} to={(page) => ({ to: "/alarms/history", search: { ...search, page } })} />
        </>
      )}
    </>
  );
}

function rowOf(t: ReturnType<typeof useAlarms>, entry: AlarmEntry, now: number, zone: string): TableRow {
  return {
    key: String(entry.id),
    cells: [
      <time key="at" dateTime={entry.at} className="nowrap">{formatMoment(t, Date.parse(entry.at), now, zone)}</time>,
      wordOf(t, "alarm_event", entry.event),
      <PriorityBadge key="priority" t={t} priority={entry.priority} />,
      <Fragment key="name">
        <Link to="/alarms" search={{ state: "all", alarm: entry.alarm_id }}>
          {alarmName(t, entry)}
        </Link>{" "}
        <span className="faint">{subjectOf(entry)}</span>
      </Fragment>,
      entry.before === entry.after ? wordOf(t, "alarm_state", entry.after) : `${wordOf(t, "alarm_state", entry.before)} → ${wordOf(t, "alarm_state", entry.after)}`,
      entry.actor,
      entry.reason ?? "",
    ],
  };
}

function HistoryFilters({ search }: { search: HistorySearch }): ReactElement {
  const t = useAlarms();
  const navigate = useNavigate();
  const apply = (change: Partial<Record<keyof HistorySearch, string | number | undefined>>): void => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([name, value]) => name !== "page" && value !== "" && value !== undefined));
    void navigate({ to: "/alarms/history", search: next as HistorySearch, replace: true });
  };
  return (
    <form className="filters" role="search" onSubmit={(event) => { event.preventDefault(); }}>
      <SearchField value={search.search} label={t("alarms.search")} apply={(words) => { apply({ search: words }); }} />
      <label>
        <span className="hidden-words">{t("alarms.event")}</span>
        <select name="event" value={search.event ?? ""} onChange={(event) => { apply({ event: event.target.value }); }}>
          <option value="">{t("alarms.all_events")}</option>
          {EVENTS.map((each) => (
            <option key={each} value={each}>
              {wordOf(t, "alarm_event", each)}
            </option>
          ))}
        </select>
      </label>
      <SiteField value={search.site} apply={(site) => { apply({ site }); }} />
      {(["from", "to"] as const).map((name) => (
        <label key={name} className="field">
          <span>{t(`alarms.${name}`)}</span>
          <input type="date" name={name} value={search[name] ?? ""} onChange={(event) => { apply({ [name]: event.target.value }); }} />
        </label>
      ))}
      <PriorityChips value={search.priority} toggle={(priority) => { apply({ priority: togglePriority(search.priority, priority) }); }} />
      {search.alarm !== undefined && (
        <button type="button" className="chip" aria-pressed onClick={() => { apply({ alarm: undefined }); }}>
          {t("alarms.of_one")}
        </button>
      )}
    </form>
  );
}
