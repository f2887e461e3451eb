import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { useSites } from "../app/sites.ts";
import { Pager } from "../desk/pager.tsx";
import { dayIn } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, Forbidden, Skeleton } from "../ui/states.tsx";
import { exportAddress, listRecords, type RecordShown } from "./api.ts";
import { ImportPanel } from "./import.tsx";
import { effectiveOn, GROUPS, keyText, kindOf, type KindView, type MasterSearch } from "./kinds.ts";
import { MasterWords, useMaster } from "./language.tsx";
import { RecordDialog } from "./record.tsx";
import { textOf } from "./value.tsx";
import "../orders/orders.css";
import "../desk/desk.css";
import "./masterdata.css";

const route = getRouteApi("/shell/master-data");
const PAGE_ROWS = 100;
const TYPING_MS = 250;

/** `/master-data`: everything that plans, prices and promises stand on. */
export function MasterDataPage(): ReactElement {
  const reads = usePermission("read");
  if (!reads) return <Forbidden />;
  return (
    <MasterWords skeleton={<Skeleton width="100%" height="320px" />}>
      <MasterData />
    </MasterWords>
  );
}

function MasterData(): ReactElement {
  const t = useMaster();
  const search = route.useSearch();
  const configures = usePermission("configure");
  const kind = kindOf(search.kind);
  const lists: MasterSearch = Object.fromEntries(Object.entries(search).filter(([name]) => name !== "view"));
  const importing = search.view === "import" && configures;
  return (
    <div className="desk">
      <header className="md-head">
        <h1>{t("master.title")}</h1>
        <div className="actions">
          <a className="button" href={exportAddress("yaml")} download data-testid="export-yaml">
            {t("master.export_yaml")}
          </a>
          <a className="button" href={exportAddress("csv-zip")} download>
            {t("master.export_tables")}
          </a>
          {configures && (
            <Link to="/master-data" search={importing ? lists : { ...lists, view: "import" }} className={importing ? "button" : "button button-primary"} data-testid="master-import">
              {t(importing ? "master.back" : "master.import")}
            </Link>
          )}
        </div>
      </header>
      {importing ? (
        <ImportPanel />
      ) : (
        <div className="md-frame">
          <Kinds search={search} kind={kind} />
          <Records key={kind.name} search={search} kind={kind} configures={configures} />
        </div>
      )}
    </div>
  );
}

function Kinds({ search, kind }: { search: MasterSearch; kind: KindView }): ReactElement {
  const t = useMaster();
  const navigate = useNavigate();
  const site = search.site === undefined ? {} : { site: search.site };
  return (
    <>
      <label className="field md-choose">
        <span>{t("master.kinds")}</span>
        <select value={kind.name} onChange={(event) => { void navigate({ to: "/master-data", search: { kind: event.target.value, ...site } }); }}>
          {GROUPS.map((group) => (
            <optgroup key={group.name} label={wordOf(t, "group", group.name)}>
              {group.kinds.map((name) => (
                <option key={name} value={name}>
                  {wordOf(t, "kind", name)}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
      <nav className="md-kinds" aria-label={t("master.kinds")}>
        {GROUPS.map((group) => (
          <section key={group.name}>
            <h2>{wordOf(t, "group", group.name)}</h2>
            <ul>
              {group.kinds.map((name) => (
                <li key={name}>
                  <Link to="/master-data" search={{ kind: name, ...site }} data-status={name === kind.name ? "active" : undefined} aria-current={name === kind.name ? "page" : undefined} activeOptions={{ exact: true, includeSearch: true }} data-testid={`kind-${name}`}>
                    {wordOf(t, "kind", name)}
                  </Link>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </nav>
    </>
  );
}

function Records({ search, kind, configures }: { search: MasterSearch; kind: KindView; configures: boolean }): ReactElement {
  const t = useMaster();
  const navigate = useNavigate();
  const sites = useSites();
  const [words, setWords] = useState(search.search ?? "");
  const [open, setOpen] = useState<RecordShown | "new" | null>(null);
  const apply = (change: Partial<Record<keyof MasterSearch, string>>): void => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([name, value]) => name !== "page" && value !== ""));
    void navigate({ to: "/master-data", search: next as MasterSearch, replace: true });
  };
  useEffect(() => {
    if (words === (search.search ?? "")) return undefined;
    const timer = setTimeout(() => { apply({ search: words }); }, TYPING_MS);
    return () => { clearTimeout(timer); };
  });
  const wanted = { kind: kind.name, search: search.search, site: search.site, limit: PAGE_ROWS, offset: (search.page ?? 0) * PAGE_ROWS };
  const found = useQuery({ queryKey: ["master-data", wanted], queryFn: () => listRecords(wanted), placeholderData: keepPreviousData });
  return (
    <div className="md-records">
      <form className="filters" role="search" onSubmit={(event) => { event.preventDefault(); apply({ search: words }); }}>
        <label>
          <span className="hidden-words">{t("master.search")}</span>
          <input type="search" name="search" placeholder={t("master.search")} value={words} onChange={(event) => { setWords(event.target.value); }} data-testid="master-search" />
        </label>
        {(sites.data?.items.length ?? 0) > 1 && (
          <label>
            <span className="hidden-words">{t("field.site")}</span>
            <select value={search.site ?? ""} onChange={(event) => { apply({ site: event.target.value }); }}>
              <option value="">{t("master.all_sites")}</option>
              {sites.data?.items.map((each) => (
                <option key={each.code} value={each.code}>
                  {each.name}
                </option>
              ))}
            </select>
          </label>
        )}
        {configures && (
          <button type="button" className="button" onClick={() => { setOpen("new"); }} data-testid="master-new">
            {t("master.new")}
          </button>
        )}
      </form>
      {found.isError && found.data === undefined && <Failed what={t("master.failed")} error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Skeleton width="100%" height="240px" />}
      {found.data?.items.length === 0 && (
        <Empty title={t("master.empty")}>
          <p>{t(search.search === undefined ? "master.empty_text" : "master.empty_search")}</p>
        </Empty>
      )}
      {found.data !== undefined && found.data.items.length > 0 && (
        <>
          <RecordTable kind={kind} records={found.data.items} open={setOpen} />
          <div className="md-foot">
            <p className="faint" data-testid="master-total">{t("master.total", { n: found.data.total })}</p>
            <Pager total={found.data.total} rows={PAGE_ROWS} page={search.page ?? 0} to={(page) => ({ to: "/master-data", search: { ...search, page } })} />
          </div>
        </>
      )}
      {open !== null && <RecordDialog kind={kind} record={open === "new" ? null : open} edits={configures} close={() => { setOpen(null); }} />}
    </div>
  );
}

function RecordTable({ kind, records, open }: { kind: KindView; records: readonly RecordShown[]; open: (record: RecordShown) => void }): ReactElement {
  const t = useMaster();
  const now = useNow();
  const columns = kind.fields.filter((field) => field.column);
  const dated = columns.some((field) => field.name === "valid_from");
  return (
    <div className="scroll-x" role="region" aria-label={wordOf(t, "kind", kind.name)} tabIndex={0}>
      <table className="table md-table" data-testid="master-records">
        <thead>
          <tr>
            {columns.map((field) => (
              <th key={field.name} scope="col" className={field.type === "number" ? "number" : ""}>
                {wordOf(t, "field", field.name)}
              </th>
            ))}
            {dated && <th scope="col">{t("master.effective")}</th>}
          </tr>
        </thead>
        <tbody>
          {records.map((each) => {
            const when = effectiveOn(each.record, dayIn(now, "UTC"));
            // A rule of a family names no item: what it is opened by is the first that it names.
            const way = Math.max(0, columns.findIndex((field) => each.record[field.name] !== null && each.record[field.name] !== ""));
            return (
              <tr key={each.name} className={when === "past" ? "md-past" : ""}>
                {columns.map((field, place) => (
                  <td key={field.name} className={field.type === "number" ? "number" : ""} data-label={wordOf(t, "field", field.name)}>
                    {place === way ? (
                      <button type="button" className="md-open" onClick={() => { open(each); }} aria-label={t("master.open", { name: keyText(each.key) })}>
                        {textOf(t, field, each.record[field.name])}
                      </button>
                    ) : (
                      textOf(t, field, each.record[field.name])
                    )}
                  </td>
                ))}
                {dated && <td data-label={t("master.effective")}>{when === null ? "–" : wordOf(t, "effective", when)}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
