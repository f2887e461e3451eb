import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { ExportButton } from "../desk/export.tsx";
import { Pager } from "../desk/pager.tsx";
import { formatNumber } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { extend, NOTHING, pressed, toggle, type Selection } from "../orders/selection.ts";
import { usePermission, useSession } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Empty, Failed, reasonOf, Skeleton } from "../ui/states.tsx";
import { alarmApi, type Alarm, type AlarmQuery } from "./api.ts";
import { AcknowledgeFor, nameOf, Shelve, useAcknowledge, type Seen } from "./decide.tsx";
import { PriorityChips, SearchField, SiteField } from "./filters.tsx";
import { AlarmRoom } from "./frame.tsx";
import { useAlarms } from "./language.tsx";
import { AlarmPanel } from "./panel.tsx";
import { asks } from "./priorities.ts";
import { AlarmListRow } from "./row.tsx";
import { prioritiesOf, SHOWN, statesOf, togglePriority, type AlarmSearch } from "./search.ts";
import { ALARMS, useAlarmWakes } from "./urgent.ts";
import { alarmName, whyOf } from "./words.ts";

const route = getRouteApi("/shell/alarms");
const PAGE_ROWS = 100;
/** So long after `g` a key means a way through the desk, and nothing here. */
const TOGETHER_MS = 1_500;

/** `/alarms`: what asks for an answer, the most urgent first. */
export function AlarmsPage(): ReactElement {
  return (
    <AlarmRoom room="list">
      <List />
    </AlarmRoom>
  );
}

function List(): ReactElement {
  const t = useAlarms();
  const search = route.useSearch();
  const navigate = useNavigate();
  const me = useSession().data?.name;
  const every = useAlarmWakes();
  const [refused, setRefused] = useState<readonly Seen[]>([]);
  const filter: Omit<AlarmQuery, "limit" | "offset"> = {
    site: search.site,
    state: statesOf(search.state),
    priority: prioritiesOf(search.priority),
    rule: search.rule,
    subject: search.subject,
    search: search.search,
    assigned_to: search.mine === 1 ? me : undefined,
  };
  const offset = (search.page ?? 0) * PAGE_ROWS;
  const alarms = useQuery({
    queryKey: [...ALARMS, "list", filter, offset],
    queryFn: () => alarmApi.list({ ...filter, limit: PAGE_ROWS, offset }),
    refetchInterval: every,
    placeholderData: keepPreviousData,
  });
  const rows = alarms.data?.items ?? [];
  const known = [...new Set(rows.flatMap((alarm) => (alarm.assigned_to === null ? [] : [alarm.assigned_to])))].sort();
  const open = (alarm: number | undefined): void => {
    const rest = Object.fromEntries(Object.entries(search).filter(([name]) => name !== "alarm")) as AlarmSearch;
    void navigate({ to: "/alarms", search: alarm === undefined ? rest : { ...rest, alarm }, replace: true });
  };
  const filtered = Object.keys(search).some((name) => name !== "alarm" && name !== "page");
  return (
    <>
      <Filters search={search} />
      <Refused refused={refused} now={rows} close={() => { setRefused([]); }} open={open} />
      <div className={search.alarm === undefined ? "alarm-frame" : "alarm-frame alarm-frame-open"}>
        <div className="alarm-list">
          <div className="list-head">
            <p className="faint" aria-live="polite" data-testid="alarm-total">{alarms.data === undefined ? " " : t("alarms.total", { n: alarms.data.total })}</p>
            {alarms.data !== undefined && alarms.data.total > 0 && <Export filter={filter} />}
          </div>
          {alarms.isError && alarms.data === undefined ? (
            <Failed what={t("alarms.failed")} error={alarms.error} retry={() => void alarms.refetch()} />
          ) : alarms.data === undefined ? (
            <ListSkeleton />
          ) : rows.length === 0 ? (
            <NoAlarms filtered={filtered} />
          ) : (
            <Rows key={JSON.stringify([filter, offset])} rows={rows} opened={search.alarm} open={open} refused={setRefused} stale={alarms.isError} />
          )}
          {alarms.data !== undefined && <Pager total={alarms.data.total} rows={PAGE_ROWS} page={search.page ?? 0} to={(page) => ({ to: "/alarms", search: { ...search, page } })} />}
        </div>
        {search.alarm !== undefined && <AlarmPanel key={search.alarm} id={search.alarm} known={known} refused={setRefused} close={() => { open(undefined); }} />}
      </div>
    </>
  );
}

function ListSkeleton(): ReactElement {
  const t = useAlarms();
  return (
    <div aria-busy="true" className="alarm-rows">
      <p className="hidden-words">{t("state.loading")}</p>
      {Array.from({ length: 6 }, (_, place) => (
        <Skeleton key={place} width="100%" height="64px" />
      ))}
    </div>
  );
}

function NoAlarms({ filtered }: { filtered: boolean }): ReactElement {
  const t = useAlarms();
  if (!filtered) {
    return (
      <Empty title={t("alarms.quiet")}>
        <p>{t("alarms.quiet_text")}</p>
        <Link to="/alarms/history" className="button">
          {t("alarms.see_history")}
        </Link>
      </Empty>
    );
  }
  return (
    <Empty title={t("alarms.none_found")}>
      <Link to="/alarms" search={{}} className="button">
        {t("alarms.clear_filters")}
      </Link>
    </Empty>
  );
}

function Filters({ search }: { search: AlarmSearch }): ReactElement {
  const t = useAlarms();
  const navigate = useNavigate();
  const apply = (change: Partial<Record<keyof AlarmSearch, string | number | undefined>>): void => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([name, value]) => name !== "page" && value !== "" && value !== undefined));
    void navigate({ to: "/alarms", search: next as AlarmSearch, replace: true });
  };
  return (
    <form className="filters" role="search" onSubmit={(event) => { event.preventDefault(); }}>
      <SearchField value={search.search} label={t("alarms.search")} apply={(words) => { apply({ search: words }); }} />
      <label>
        <span className="hidden-words">{t("alarms.state")}</span>
        <select name="state" value={search.state ?? ""} onChange={(event) => { apply({ state: event.target.value }); }} data-testid="alarm-state">
          <option value="">{t("alarm_shown.standing")}</option>
          {SHOWN.map((shown) => (
            <option key={shown} value={shown}>
              {t(`alarm_shown.${shown}`)}
            </option>
          ))}
        </select>
      </label>
      <SiteField value={search.site} apply={(site) => { apply({ site }); }} />
      <PriorityChips value={search.priority} toggle={(priority) => { apply({ priority: togglePriority(search.priority, priority) }); }} />
      <button type="button" className="chip" aria-pressed={search.mine === 1} onClick={() => { apply({ mine: search.mine === 1 ? undefined : 1 }); }} data-testid="alarm-mine">
        {t("alarms.mine")}
      </button>
      {(["rule", "subject"] as const).map((name) => search[name] !== undefined && (
        <button key={name} type="button" className="chip" aria-pressed onClick={() => { apply({ [name]: undefined }); }} aria-label={t("alarms.without", { what: search[name] })}>
          {search[name]}
          <Glyph name="close" />
        </button>
      ))}
    </form>
  );
}

function Export({ filter }: { filter: Omit<AlarmQuery, "limit" | "offset"> }): ReactElement {
  const t = useAlarms();
  const headings = ["priority", "state", "name", "subject", "site", "why", "raised", "count", "acknowledged_by", "assigned_to", "shelved_until", "rule", "cause"];
  return (
    <ExportButton
      name="alarms"
      headings={headings.map((each) => wordOf(t, "alarm_column", each))}
      load={(page) => alarmApi.list({ ...filter, ...page })}
      cells={(alarm) => [wordOf(t, "alarm_priority", alarm.priority), wordOf(t, "alarm_state", alarm.state), alarmName(t, alarm), alarm.subject, alarm.site, whyOf(t, alarm, Date.now(), "UTC"), alarm.raised_at, alarm.occurrence, alarm.acknowledged_by, alarm.assigned_to, alarm.shelved_until, alarm.rule, alarm.cause]}
    />
  );
}

/** What was not acknowledged, each by its name and why: it stays until somebody has read it. */
function Refused({ refused, now, close, open }: { refused: readonly Seen[]; now: readonly Alarm[]; close: () => void; open: (id: number) => void }): ReactElement | null {
  const t = useAlarms();
  if (refused.length === 0) return null;
  const because = (seen: Seen): string => {
    const alarm = now.find((each) => each.id === seen.alarm.id);
    if (alarm === undefined) return t("alarms.refused_gone");
    if (alarm.occurrence !== seen.occurrence) return t("alarms.refused_again", { n: alarm.occurrence });
    return asks(alarm) ? t("alarms.refused_now") : t("alarms.refused_state", { state: wordOf(t, "alarm_state", alarm.state) });
  };
  return (
    <section className="alarm-refused" role="alert" data-testid="alarm-refused">
      <h2>{t("alarms.refused", { n: refused.length })}</h2>
      <ul>
        {refused.map((seen) => (
          <li key={seen.alarm.id}>
            <button type="button" className="link" onClick={() => { open(seen.alarm.id); }}>
              {nameOf(t, seen.alarm)}
            </button>{" "}
            {because(seen)}
          </li>
        ))}
      </ul>
      <button type="button" className="button" onClick={close}>
        {t("alarms.refused_read")}
      </button>
    </section>
  );
}

interface RowsProps {
  rows: readonly Alarm[];
  opened: number | undefined;
  open: (id: number | undefined) => void;
  refused: (which: readonly Seen[]) => void;
  stale: boolean;
}

function Rows({ rows, opened, open, refused, stale }: RowsProps): ReactElement {
  const t = useAlarms();
  const now = useNow();
  const may = usePermission("alarms");
  const sites = useSites().data?.items;
  const [selection, setSelection] = useState<Selection>(NOTHING);
  const [shelving, setShelving] = useState<Alarm | null>(null);
  const [telling, setTelling] = useState<readonly Seen[] | null>(null);
  const acknowledge = useAcknowledge(refused);
  /** As each was when it was chosen: what is raised again meanwhile is not what somebody saw. */
  const [occurrences, setOccurrences] = useState<ReadonlyMap<string, number>>(new Map());
  const before = useRef(-TOGETHER_MS);
  const at = (index: number): string | undefined => rows[index]?.id.toString();
  const choose = (next: Selection): void => {
    const chosen = next.all ? new Set(rows.map((row) => String(row.id))) : next.chosen;
    setOccurrences(new Map(rows.filter((row) => chosen.has(String(row.id))).map((row) => [String(row.id), selection.chosen.has(String(row.id)) ? (occurrences.get(String(row.id)) ?? row.occurrence) : row.occurrence])));
    setSelection({ ...next, all: false, chosen });
  };
  const chosen: readonly Seen[] = rows.filter((row) => selection.chosen.has(String(row.id))).map((alarm) => ({ alarm, occurrence: occurrences.get(String(alarm.id)) ?? alarm.occurrence }));
  const current = selection.cursor === null ? undefined : rows[selection.cursor];
  const run = (seen: readonly Seen[]): void => {
    void acknowledge(seen, "").then(
      () => { setSelection((then) => ({ ...NOTHING, cursor: then.cursor })); },
      (error: unknown) => { tell(reasonOf(t, error), { bad: true }); },
    );
  };
  const answer = (): void => {
    if (chosen.length > 0) run(chosen);
    else if (current !== undefined && asks(current)) run([{ alarm: current, occurrence: current.occurrence }]);
  };
  const press = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.altKey) return;
    const afterG = event.timeStamp - before.current < TOGETHER_MS;
    before.current = event.key === "g" ? event.timeStamp : -TOGETHER_MS;
    if (afterG) return;
    const plain = !event.ctrlKey && !event.metaKey;
    if (event.key === "Enter" && current !== undefined) open(current.id);
    else if (event.key === "a" && plain && may) answer();
    else if (event.key === "s" && plain && may && current?.shelved_until === null) setShelving(current);
    else if (event.key === "Escape" && opened !== undefined && selection.chosen.size === 0) open(undefined);
    else {
      const next = pressed(selection, event, rows.length, at);
      if (next === null || (!may && (next.all || next.chosen.size > 0))) return;
      choose(next);
      if (next.cursor !== null) document.getElementById(`alarm-row-${next.cursor}`)?.scrollIntoView({ block: "nearest" });
    }
    event.preventDefault();
  };
  const zoneOf = (site: string | null): string => sites?.find((each) => each.code === site)?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <>
      {chosen.length > 0 && (
        <div className="alarm-bulk" role="region" aria-label={t("alarms.chosen", { n: chosen.length })} data-testid="alarm-bulk">
          <strong>{t("alarms.chosen", { n: formatNumber(chosen.length, t.language) })}</strong>
          <button type="button" className="button button-primary button-small" onClick={() => { run(chosen); }} data-testid="bulk-acknowledge">
            {t("alarms.acknowledge")}
          </button>
          <button type="button" className="button button-small" onClick={() => { setTelling(chosen); }}>
            {t("alarms.with_reason")}
          </button>
          <button type="button" className="button button-quiet button-small" onClick={() => { setSelection(NOTHING); }}>
            {t("alarms.choose_none")}
          </button>
        </div>
      )}
      <div
        role="grid"
        aria-label={t("nav.alarms")}
        aria-rowcount={rows.length}
        aria-multiselectable={may}
        aria-activedescendant={selection.cursor === null ? undefined : `alarm-row-${selection.cursor}`}
        className={stale ? "alarm-rows alarm-rows-stale" : "alarm-rows"}
        tabIndex={0}
        title={t(may ? "alarms.keys" : "alarms.keys_read")}
        onKeyDown={press}
        data-testid="alarm-grid"
      >
        {rows.map((alarm, index) => (
          <AlarmListRow
            key={alarm.id}
            alarm={alarm}
            index={index}
            now={now}
            zone={zoneOf(alarm.site)}
            atCursor={selection.cursor === index}
            chosen={selection.chosen.has(String(alarm.id))}
            opened={opened === alarm.id}
            {...(may ? { choose: (range: boolean) => { choose(range ? extend(selection, index, at) : toggle(selection, index, at)); }, acknowledge: () => { run([{ alarm, occurrence: alarm.occurrence }]); } } : {})}
            open={() => {
              setSelection({ ...selection, cursor: index, anchor: index });
              open(alarm.id);
            }}
          />
        ))}
      </div>
      {shelving !== null && <Shelve alarm={shelving} close={() => { setShelving(null); }} />}
      {telling !== null && <AcknowledgeFor seen={telling} acknowledge={acknowledge} close={() => { setTelling(null); setSelection(NOTHING); }} />}
    </>
  );
}

