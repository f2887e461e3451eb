import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OrderDetails, Party, TimelineEntry } from "../api/types.ts";
import { useMachineName } from "../app/machines.ts";
import { useZone } from "../app/sites.ts";
import { useDesk, type DeskTranslator } from "../desk/language.tsx";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { FaultWords } from "../intake/faults.tsx";
import { Findings } from "../review/findings.tsx";
import { useNow } from "../ui/clock.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { changedFields } from "./changes.ts";
import "../desk/desk.css";

const SHOWN = 60;

/** What review found and nobody has settled; nothing when there is nothing. */
export function OpenFindings({ details }: { details: OrderDetails }): ReactElement | null {
  const t = useDesk();
  const queries = useQueryClient();
  const { number, site } = details;
  const found = useQuery({ queryKey: ["findings", number], queryFn: () => api.findings(number), enabled: details.findings > 0 });
  if (details.findings === 0) return null;
  const after = (): Promise<unknown> =>
    Promise.all(["order", "findings", "order-timeline"].map((key) => queries.invalidateQueries({ queryKey: [key, number] })));
  return (
    <section aria-labelledby="findings">
      <h2 id="findings" className="section">
        {t("order.findings", { n: details.findings })}
      </h2>
      {found.isError && found.data === undefined ? (
        <Failed what={t("order.findings_failed")} error={found.error} retry={() => void found.refetch()} />
      ) : found.data === undefined ? (
        <Skeleton width="100%" height="64px" />
      ) : (
        <Findings number={number} site={site} findings={found.data.items} after={after} />
      )}
    </section>
  );
}

export function Parties({ parties }: { parties: readonly Party[] }): ReactElement | null {
  const t = useDesk();
  if (parties.length === 0) return null;
  return (
    <section aria-labelledby="parties">
      <h2 id="parties" className="section">
        {t("order.parties")}
      </h2>
      <ul className="parties">
        {parties.map((party, place) => (
          <li key={place} className="party">
            <p className="faint">{wordOf(t, "party", party.role)}</p>
            <p>
              <strong>{party.name ?? party.names[0]?.["value"] ?? "–"}</strong>
            </p>
            <p>{[...party.street, [party.postal_code, party.city].filter((part) => part !== null).join(" "), party.region, party.country].filter((part) => part !== null && part !== "").join(", ")}</p>
            <p className="faint">{party.names.map((name) => `${name["scheme"] ?? ""} ${name["value"] ?? ""}`.trim()).join(" · ")}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The documents that the order came and changed with; each can be had as it was sent. */
export function Documents({ number, site }: { number: string; site: string }): ReactElement | null {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(site);
  const documents = useQuery({ queryKey: ["documents", number], queryFn: () => api.documents({ order: number, limit: 100, offset: 0 }) });
  if (documents.isError && documents.data === undefined) return <Failed what={t("order.documents_failed")} error={documents.error} retry={() => void documents.refetch()} />;
  if (documents.data === undefined || documents.data.items.length === 0) return null;
  return (
    <section aria-labelledby="documents">
      <h2 id="documents" className="section">
        {t("order.documents")}
      </h2>
      <ul className="documents">
        {documents.data.items.map((document) => {
          const at = timeOf(document.received_at);
          return (
            <li key={document.id}>
              <a href={api.documentAddress(document.id)} download data-testid={`document-${document.id}`}>
                {document.file_name ?? `${document.source} ${document.number}`}
              </a>
              <span>{wordOf(t, "format", document.format)}</span>
              <span>{wordOf(t, "outcome", document.outcome)}</span>
              <span className="faint">
                {at !== null && formatMoment(t, at, now, zone)} · {document.received_by}
              </span>
              {document.problems.length > 0 && (
                <ul className="problems">
                  {document.problems.map((problem, place) => (
                    <li key={place}>
                      <FaultWords problem={problem} />
                    </li>
                  ))}
                </ul>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** What of stock and supplies is kept for the order. */
export function Reserved({ number, site }: { number: string; site: string }): ReactElement | null {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(site);
  const reservations = useQuery({ queryKey: ["order-reservations", number], queryFn: () => api.reservations({ order: number, limit: 100, offset: 0 }) });
  const items = reservations.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section aria-labelledby="reserved">
      <h2 id="reserved" className="section">
        {t("order.reserved")}
      </h2>
      <ul className="documents">
        {items.map((each) => {
          const need = timeOf(each.need_at);
          return (
            <li key={each.id}>
              <strong>
                {formatNumber(each.quantity, t.language)} {formatUnit(t, each.unit, each.quantity)} {each.item}
              </strong>
              <span>{wordOf(t, "reservation_kind", each.kind)}</span>
              <span>{wordOf(t, "reservation_state", each.state)}</span>
              {need !== null && <span className="faint">{formatMoment(t, need, now, zone)}</span>}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Everything that touched the order, from its document to its delivery, oldest first. */
export function Events({ number, site }: { number: string; site: string }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(site);
  const nameOf = useMachineName();
  const [limit, setLimit] = useState(SHOWN);
  const events = useQuery({ queryKey: ["order-timeline", number, limit], queryFn: () => api.orderTimeline(number, { limit, offset: 0 }), placeholderData: (before) => before });
  return (
    <section aria-labelledby="history">
      <h2 id="history" className="section">
        {t("order.events")}
      </h2>
      {events.isError && events.data === undefined ? (
        <Failed what={t("order.history_failed")} error={events.error} retry={() => void events.refetch()} />
      ) : events.data === undefined ? (
        <Skeleton width="100%" height="96px" />
      ) : (
        <>
          <ol className="history" data-testid="events">
            {events.data.items.map((entry, place) => {
              const at = timeOf(entry.at);
              return (
                <li key={`${entry.at} ${entry.kind} ${place}`} data-testid={`event-${entry.kind}`}>
                  <time dateTime={entry.at}>{at === null ? entry.at : formatMoment(t, at, now, zone)}</time>
                  <div>
                    <p>
                      <strong>{titleOf(t, entry)}</strong>
                      {entry.line !== null && <> · {t("review.line", { line: entry.line })}</>}
                      {entry.work_order !== null && <> · {entry.operation === null ? entry.work_order : t("order.why.step", { work_order: entry.work_order, operation: entry.operation })}</>}
                      {entry.machine !== null && <> · {nameOf(entry.machine)}</>}
                      {detailsOf(t, entry, now, zone).map((said) => (
                        <span key={said} className="history-change">
                          {said}
                        </span>
                      ))}
                    </p>
                    {(entry.actor !== null || (entry.reason !== null && entry.reason !== "")) && (
                      <p className="faint">
                        {entry.actor !== null && t("events.by", { actor: entry.actor })}
                        {entry.reason !== null && entry.reason !== "" && <> {t("history.why", { reason: entry.kind === "stop" ? wordOf(t, "reason", entry.reason) : entry.reason })}</>}
                      </p>
                    )}
                  </div>
                </li>
              );
            })}
          </ol>
          {events.data.total > limit && (
            <button type="button" className="button" onClick={() => { setLimit(limit + 200); }}>
              {t("events.more", { n: events.data.total - limit })}
            </button>
          )}
        </>
      )}
    </section>
  );
}

function titleOf(t: DeskTranslator, entry: TimelineEntry): string {
  const action = entry.detail["action"];
  if (entry.kind === "other" && typeof action === "string") return wordOf(t, "event", action);
  return wordOf(t, "timeline", entry.kind);
}

type Values = Record<string, unknown> | null;

/** What there is to say of it besides its name. */
function detailsOf(t: DeskTranslator, { kind, detail }: TimelineEntry, now: number, zone: string): string[] {
  const text = (name: string): string => (typeof detail[name] === "string" || typeof detail[name] === "number" ? String(detail[name]) : "");
  switch (kind) {
    case "document":
      return [wordOf(t, "format", text("format")), wordOf(t, "outcome", text("outcome")), `${text("source")} ${text("number")}`.trim()];
    case "finding":
    case "finding_settled":
      return [wordOf(t, "finding_name", text("code"))];
    case "planned": {
      const end = detail["end_ms"];
      return typeof end === "number" ? [t("events.end", { time: formatMoment(t, end, now, zone) })] : [];
    }
    case "reserved":
    case "reservation_closed":
      return [`${text("quantity")} ${text("item")}`];
    case "operation_ended":
      return [t("events.pieces", { good: text("good_pieces"), scrap: text("scrap_pieces") })];
    case "customer_told":
      return toldOf(t, detail, now, zone);
    case "shipment_picking":
    case "shipment_packed":
    case "shipment_shipped":
    case "shipment_delivered":
      return [t("order.delivery", { number: text("shipment") })];
    default:
      return changedFields((detail["before"] ?? null) as Values, (detail["after"] ?? null) as Values).map(({ field, line, from, to }) => {
        const said = (value: unknown): string => valueOf(t, field, value, now, zone);
        const name = wordOf(t, "field", field);
        const change = from === undefined ? t("history.set", { field: name, to: said(to) }) : t("history.changed", { field: name, from: said(from), to: said(to) });
        return line === null ? change : t("history.of_line", { line, change });
      });
  }
}

/** Who was told of which dates, why, and what became of the message. */
function toldOf(t: DeskTranslator, detail: TimelineEntry["detail"], now: number, zone: string): string[] {
  const moment = (value: unknown): string => {
    const at = timeOf(typeof value === "string" ? value : null);
    return at === null ? "–" : formatMoment(t, at, now, zone);
  };
  const lines = Array.isArray(detail["lines"]) ? (detail["lines"] as Record<string, unknown>[]) : [];
  const said = lines.map((line) => t("events.told", { recipient: String(detail["recipient"]), from: moment(line["from"]), to: moment(line["to"]) }));
  return [...said, t("events.told_because", { reason: wordOf(t, "told_reason", String(detail["reason"])) }), wordOf(t, "told_state", String(detail["state"]))];
}

/** A value of an audit entry in words. */
function valueOf(t: DeskTranslator, field: string, value: unknown, now: number, zone: string): string {
  if (typeof value === "number") return formatNumber(value, t.language);
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "string" || value === "") return "–";
  if (field === "state") return wordOf(t, "stage", value);
  const at = field.endsWith("_at") ? timeOf(value) : null;
  return at === null ? value : formatMoment(t, at, now, zone);
}
