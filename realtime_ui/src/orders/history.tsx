import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { AuditEntry } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { formatMoment, formatNumber, timeOf } from "../i18n/format.ts";
import { useT, type StaffTranslator } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { changedFields } from "./changes.ts";

/** Everything that was done to the order, newest first: what, who, from where, why. */
export function History({ number, site }: { number: string; site: string }): ReactElement {
  const t = useT();
  const now = useNow();
  const zone = useZone(site);
  const events = useQuery({ queryKey: ["order-events", number], queryFn: () => api.orderEvents(number) });
  return (
    <section aria-labelledby="history">
      <h2 id="history" className="section">
        {t("order.history")}
      </h2>
      {events.isError && events.data === undefined ? (
        <Failed what={t("order.history_failed")} error={events.error} retry={() => void events.refetch()} />
      ) : events.data === undefined ? (
        <Skeleton width="100%" height="96px" />
      ) : (
        <ol className="history">
          {events.data.items.map((entry) => {
            const at = timeOf(entry.at);
            return (
              <li key={entry.id}>
                <time dateTime={entry.at}>{at === null ? entry.at : formatMoment(t, at, now, zone)}</time>
                <div>
                  <p>
                    <strong>{wordOf(t, "event", entry.action)}</strong>
                    {entry.work_order !== null && <> · {entry.work_order}</>}
                    {changesOf(t, entry, now, zone).map((change) => (
                      <span key={change} className="history-change">
                        {change}
                      </span>
                    ))}
                  </p>
                  <p className="faint">
                    {t("history.who", { actor: entry.actor, origin: entry.origin })}
                    {entry.reason !== null && entry.reason !== "" && <> · {t("history.why", { reason: entry.reason })}</>}
                  </p>
                </div>
              </li>
            );
          })}
        </ol>
      )}
    </section>
  );
}

function changesOf(t: StaffTranslator, entry: AuditEntry, now: number, zone: string): string[] {
  return changedFields(entry.before, entry.after).map(({ field, line, from, to }) => {
    const name = wordOf(t, "field", field);
    const said = (value: unknown): string => saidOf(t, field, value, now, zone);
    const text = from === undefined ? t("history.set", { field: name, to: said(to) }) : t("history.changed", { field: name, from: said(from), to: said(to) });
    return line === null ? text : t("history.of_line", { line, change: text });
  });
}

/** A value of an audit entry in words. */
function saidOf(t: StaffTranslator, field: string, value: unknown, now: number, zone: string): string {
  if (typeof value === "number") return formatNumber(value, t.language);
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "string" || value === "") return "–";
  if (field === "state") return wordOf(t, "stage", value);
  const at = field.endsWith("_at") ? timeOf(value) : null;
  return at === null ? value : formatMoment(t, at, now, zone);
}
