import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OutboundDocument } from "../api/types.ts";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { DeskWords, useDesk, type DeskTranslator } from "../desk/language.tsx";
import { Pager } from "../desk/pager.tsx";
import { Table, type TableRow } from "../desk/table.tsx";
import { formatMoment, formatNumber, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Empty, Failed, reasonOf, Skeleton } from "../ui/states.tsx";
import { readable } from "./readable.ts";
import { KINDS, outboundSearchOf, STATES, type OutboundSearch } from "./search.ts";
import "../orders/orders.css";
import "../desk/desk.css";
import "./outbound.css";

const route = getRouteApi("/shell/outbound");
const PAGE_ROWS = 50;
const TYPING_MS = 250;
const REFRESH_MS = 10_000;

/** `/outbound`: what partners' systems are told, whether they have it, and a way to tell them again. */
export function OutboundPage(): ReactElement {
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="320px" />}>
      <Outbound />
    </DeskWords>
  );
}

function Outbound(): ReactElement {
  const t = useDesk();
  const search = route.useSearch();
  const [shown, setShown] = useState<OutboundDocument | null>(null);
  const page = search.page ?? 0;
  const filter = { state: search.state, kind: search.kind, search: search.search };
  const documents = useQuery({
    queryKey: ["outbound", filter, page],
    queryFn: () => api.outbound({ ...filter, newest_first: "true", limit: PAGE_ROWS, offset: page * PAGE_ROWS }),
    refetchInterval: REFRESH_MS,
    placeholderData: (before) => before,
  });
  return (
    <div className="desk">
      <header>
        <h1>{t("outbound.title")}</h1>
        <p className="faint">{t("outbound.text")}</p>
      </header>
      <Filters search={search} />
      {documents.isError && documents.data === undefined ? (
        <Failed what={t("outbound.failed")} error={documents.error} retry={() => void documents.refetch()} />
      ) : documents.data === undefined ? (
        <Skeleton width="100%" height="240px" />
      ) : documents.data.items.length === 0 ? (
        <Empty title={t("outbound.empty")}>
          <p>{t("outbound.empty_text")}</p>
        </Empty>
      ) : (
        <>
          <p className="faint" aria-live="polite">
            {t("outbound.count", { n: documents.data.total })}
          </p>
          <Documents rows={documents.data.items} show={setShown} />
          <Pager total={documents.data.total} rows={PAGE_ROWS} page={page} to={(next) => ({ to: "/outbound", search: outboundSearchOf({ ...search, page: next }) })} />
        </>
      )}
      {shown !== null && <DocumentDialog document={shown} close={() => { setShown(null); }} />}
    </div>
  );
}

function Filters({ search }: { search: OutboundSearch }): ReactElement {
  const t = useDesk();
  const navigate = useNavigate();
  const [text, setText] = useState(search.search ?? "");
  const apply = (change: Partial<Record<keyof OutboundSearch, string>>): void => {
    void navigate({ to: "/outbound", search: outboundSearchOf({ ...search, ...change, page: undefined }), replace: true });
  };
  useEffect(() => {
    if (text === (search.search ?? "")) return undefined;
    const timer = setTimeout(() => { apply({ search: text }); }, TYPING_MS);
    return () => { clearTimeout(timer); };
  });
  return (
    <form className="filters" role="search" onSubmit={(event) => { event.preventDefault(); apply({ search: text }); }}>
      <label>
        <span className="hidden-words">{t("outbound.search")}</span>
        <input type="search" name="search" placeholder={t("outbound.search")} value={text} onChange={(event) => { setText(event.target.value); }} />
      </label>
      <label>
        <span className="hidden-words">{t("outbound.state")}</span>
        <select name="state" value={search.state ?? ""} onChange={(event) => { apply({ state: event.target.value }); }}>
          <option value="">{t("outbound.all_states")}</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {wordOf(t, "outbound_state", state)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span className="hidden-words">{t("outbound.kind")}</span>
        <select name="kind" value={search.kind ?? ""} onChange={(event) => { apply({ kind: event.target.value }); }}>
          <option value="">{t("outbound.all_kinds")}</option>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {wordOf(t, "outbound_kind", kind)}
            </option>
          ))}
        </select>
      </label>
    </form>
  );
}

function useMoment(): (text: string | null | undefined, site: string) => string {
  const t = useDesk();
  const now = useNow();
  const sites = useSites();
  return (text, site) => {
    const at = timeOf(text);
    return at === null ? "–" : formatMoment(t, at, now, sites.data?.items.find((each) => each.code === site)?.time_zone ?? "UTC");
  };
}

/** Where a document is, in a sentence: how it goes out, who has it, what went wrong. */
function stateWords(t: DeskTranslator, document: OutboundDocument, moment: (text: string | null | undefined, site: string) => string): string | null {
  const at = (text: string | null): string => moment(text, document.site);
  switch (document.state) {
    case "made":
      if (!document.pushed) return t("outbound.waits");
      return document.attempts === 0 ? t("outbound.goes") : t("outbound.again", { n: document.attempts, error: document.last_error ?? "–", at: at(document.next_at) });
    case "sent":
      return t("outbound.sent_at", { at: at(document.sent_at) });
    case "given_up":
      return t("outbound.given_up", { n: document.attempts, error: document.last_error ?? "–" });
    case "taken":
      return t("outbound.taken_at", { at: at(document.settled_at), by: document.settled_by ?? "–" });
    case "failed":
      return document.reason ?? t("outbound.no_reason", { by: document.settled_by ?? "–" });
  }
}

/** What is wrong wants somebody; what waits goes on by itself. */
const BAD: ReadonlySet<string> = new Set(["failed", "given_up"]);

function Documents({ rows, show }: { rows: readonly OutboundDocument[]; show: (document: OutboundDocument) => void }): ReactElement {
  const t = useDesk();
  const moment = useMoment();
  const mayOrder = usePermission("order");
  const queries = useQueryClient();
  const again = useMutation({
    mutationFn: (id: number) => api.resendOutbound(id),
    onSuccess: (document) => { tell(t(document.pushed ? "outbound.pushed_again" : "outbound.waits_again")); },
    onError: (error: unknown) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: ["outbound"] }),
  });
  const cells = (row: OutboundDocument): TableRow["cells"] => [
    <button key="name" type="button" className="button button-quiet outbound-name" onClick={() => { show(row); }} data-testid={`show-${row.id}`}>
      <strong>{row.name}</strong> {wordOf(t, "outbound_kind", row.kind)}
    </button>,
    row.order === null ? (
      (row.work_order ?? "–")
    ) : (
      <Link key="order" to="/orders/$number" params={{ number: row.order }} className="outbound-whole">
        {row.order}
      </Link>
    ),
    row.reference ?? "–",
    row.channel ?? "–",
    <span key="made" className="outbound-whole">
      {moment(row.made_at, row.site)}
    </span>,
    <div key="state" className={BAD.has(row.state) ? "outbound-state outbound-bad" : "outbound-state"}>
      <strong>{wordOf(t, "outbound_state", row.state)}</strong>
      <p className="faint">{stateWords(t, row, moment)}</p>
    </div>,
    <span key="action" className="actions outbound-actions">
      <a className="button button-quiet" href={api.outboundAddress(row.id)} download>
        {t("outbound.fetch")}
      </a>
      {mayOrder && (
        <button type="button" className="button" disabled={again.isPending} onClick={() => { again.mutate(row.id); }} data-testid={`again-${row.id}`}>
          {t(row.pushed ? "outbound.push" : "outbound.offer")}
        </button>
      )}
    </span>,
  ];
  return (
    <Table
      label={t("outbound.title")}
      testid="outbound"
      columns={(["document", "order", "reference", "channel", "made", "state", "action"] as const).map((column) => ({ key: column, label: wordOf(t, "outbound_column", column), title: column === "document" }))}
      rows={rows.map((row) => ({ key: String(row.id), testid: `document-${row.id}`, cells: cells(row) }))}
    />
  );
}

function DocumentDialog({ document, close }: { document: OutboundDocument; close: () => void }): ReactElement {
  const t = useDesk();
  const content = useQuery({ queryKey: ["outbound-content", document.id], queryFn: () => api.outboundText(document.id), staleTime: Infinity });
  const title = `${document.name} · ${document.order ?? document.work_order ?? ""}`;
  return (
    <Dialog title={title} text={t("outbound.content", { format: wordOf(t, "format", document.format), size: formatNumber(document.size, t.language) })} close={close}>
      {content.isError ? (
        <p role="alert">{reasonOf(t, content.error)}</p>
      ) : content.data === undefined ? (
        <Skeleton width="100%" height="200px" />
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so keys have to reach it
        <pre className="outbound-content" tabIndex={0} data-testid="document-content">
          {readable(content.data)}
        </pre>
      )}
      <div className="dialog-actions">
        <a className="button" href={api.outboundAddress(document.id)} download>
          {t("outbound.fetch")}
        </a>
        <button type="button" className="button button-primary" onClick={close}>
          {t("action.close")}
        </button>
      </div>
    </Dialog>
  );
}
