import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { useMachineName } from "../app/machines.ts";
import { Table } from "../desk/table.tsx";
import { dayIn, formatDuration, formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Failed, Skeleton } from "../ui/states.tsx";
import { readLines, type LineBehind } from "./api.ts";
import { lossOf, slotOf, type Behind } from "./behind.ts";
import { dayWords, valueWords } from "./figures.ts";
import { useReport } from "./card.tsx";
import { plusDays } from "./periods.ts";
import { useReportWords, type ReportTranslator } from "./language.tsx";
import { stopsSearchOf, type ReportQuery } from "./search.ts";
import { readStops } from "./stopsapi.ts";

const PAGE_ROWS = 50;
const MOST_DAYS = 8;

interface BehindProps {
  behind: Behind;
  query: ReportQuery;
  zone: string;
  close: () => void;
}

/** What a bar or a point is made of: orders, or machines' stretches. */
export function BehindDialog(props: BehindProps): ReactElement {
  return props.behind.report === "losses" ? <StretchesBehind {...props} /> : <OrdersBehind {...props} />;
}

/** Page by page, and the way to each order. */
function OrdersBehind({ behind, query, zone, close }: BehindProps): ReactElement {
  const t = useReportWords();
  const days = slotOf(behind);
  // Where one came from: the way back to the pages before. They fit together by the first one's moment.
  const [cursors, setCursors] = useState<readonly (string | undefined)[]>([undefined]);
  const cursor = cursors.at(-1);
  const [moment, setMoment] = useState(query.as_of);
  const [total, setTotal] = useState<number | null>(null);
  const label = useReport(behind.report, { ...query, by: behind.by }, days === null).data?.rows.find((row) => row.key === behind.key)?.label;
  const asked = {
    ...query,
    grain: undefined,
    ...(days ?? {}),
    report: behind.report,
    by: days === null ? behind.by : undefined,
    key: days === null ? behind.key : undefined,
    language: t.language === "zh-CN" ? "zh" : "en",
    limit: PAGE_ROWS,
    cursor,
    ...(cursor === undefined ? {} : { as_of: moment }),
  };
  const page = useQuery({ queryKey: ["report-lines", asked], queryFn: ({ signal }) => readLines(asked, signal), placeholderData: (last) => last });
  const { data } = page;
  const turn = (next: readonly (string | undefined)[]): void => {
    if (cursor === undefined && data !== undefined) {
      setMoment(data.as_of);
      setTotal(data.total);
    }
    setCursors(next);
  };
  const count = total ?? data?.total ?? null;
  const what = days === null ? (label ?? behind.key) : days.from === days.to ? dayWords(t.language, days.from) : t("reports.from_to", { from: dayWords(t.language, days.from), to: dayWords(t.language, days.to) });
  return (
    <Dialog title={t("reports.behind", { what })} {...(count === null ? {} : { text: t("reports.behind_count", { n: count }) })} close={close}>
      {page.isError && data === undefined ? (
        <Failed what={t("reports.failed")} error={page.error} retry={() => void page.refetch()} />
      ) : data === undefined ? (
        <Skeleton width="100%" height="240px" />
      ) : data.items.length === 0 ? (
        <p className="report-nothing">{t("reports.behind_none")}</p>
      ) : (
        <Lines rows={data.items} zone={zone} causes={behind.report === "delay-causes"} />
      )}
      <Turning cursors={cursors} set={turn} next={data?.next ?? null} waits={page.isPlaceholderData} close={close} />
    </Dialog>
  );
}

/** When machines stood for one reason, the latest first, and the way to the day of each. */
function StretchesBehind({ behind, query, zone, close }: BehindProps): ReactElement {
  const t = useReportWords();
  const now = useNow();
  const machineName = useMachineName();
  const { time_class, reason } = lossOf(behind.key);
  const [cursors, setCursors] = useState<readonly (string | undefined)[]>([undefined]);
  // Of several machines stops are told of a week at a time: the last one of the period.
  const from = query.machine === undefined && plusDays(query.to, 1 - MOST_DAYS) > query.from ? plusDays(query.to, 1 - MOST_DAYS) : query.from;
  const asked = { site: query.site, line: query.line, from, to: query.to, time_class, reason, language: t.language === "zh-CN" ? "zh" : "en", limit: PAGE_ROWS, before: cursors.at(-1) };
  const page = useQuery({ queryKey: ["stops-behind", asked], queryFn: ({ signal }) => readStops(asked, signal), placeholderData: (last) => last });
  const { data } = page;
  const what = reason === "" ? wordOf(t, "time_class", time_class) : (data?.items[0]?.reason_words ?? wordOf(t, "reason", reason));
  return (
    <Dialog title={t("reports.behind", { what })} {...(from === query.from ? {} : { text: t("reports.behind_from", { from: dayWords(t.language, from), to: dayWords(t.language, query.to) }) })} close={close}>
      {page.isError && data === undefined ? (
        <Failed what={t("reports.failed")} error={page.error} retry={() => void page.refetch()} />
      ) : data === undefined ? (
        <Skeleton width="100%" height="240px" />
      ) : data.items.length === 0 ? (
        <p className="report-nothing">{t("reports.behind_no_stop")}</p>
      ) : (
        <Table
          label={t("reports.stops")}
          testid="report-stretches"
          columns={[
            { key: "machine", label: t("stops.machine"), title: true },
            { key: "from", label: t("stops.column_when") },
            { key: "length", label: t("stops.column_length"), number: true },
            { key: "order", label: t("reports.column_order") },
          ]}
          rows={data.items.map((stop) => {
            const began = Date.parse(stop.from);
            return {
              key: `${stop.machine}/${stop.from}`,
              cells: [
                <Link key="machine" to="/reports/stops" search={stopsSearchOf({ machine: stop.machine, day: stop.day ?? dayIn(began, zone) })}>
                  {machineName(stop.machine)}
                </Link>,
                formatMoment(t, began, now, zone),
                formatDuration(t, (stop.until === null ? now : Date.parse(stop.until)) - began),
                stop.order === null ? (
                  ""
                ) : (
                  <Link key="order" to="/orders/$number" params={{ number: stop.order }}>
                    {stop.order}
                  </Link>
                ),
              ],
            };
          })}
        />
      )}
      <Turning cursors={cursors} set={setCursors} next={data?.next ?? null} waits={page.isPlaceholderData} close={close} />
    </Dialog>
  );
}

/** Back, more, and out. */
function Turning({ cursors, set, next, waits, close }: { cursors: readonly (string | undefined)[]; set: (cursors: readonly (string | undefined)[]) => void; next: string | null; waits: boolean; close: () => void }): ReactElement {
  const t = useReportWords();
  return (
    <div className="dialog-actions">
      {cursors.length > 1 && (
        <button type="button" className="button" onClick={() => { set(cursors.slice(0, -1)); }}>
          {t("reports.page_before")}
        </button>
      )}
      {next !== null && (
        <button type="button" className="button" disabled={waits} onClick={() => { set([...cursors, next]); }}>
          {t("reports.page_after")}
        </button>
      )}
      <button type="button" className="button button-primary" onClick={close}>
        {t("action.close")}
      </button>
    </div>
  );
}

function Lines({ rows, zone, causes }: { rows: readonly LineBehind[]; zone: string; causes: boolean }): ReactElement {
  const t = useReportWords();
  const now = useNow();
  const moment = (text: string | null): string => {
    const at = timeOf(text);
    return at === null ? "–" : formatMoment(t, at, now, zone);
  };
  return (
    <div className="behind">
      <Table
        label={t("reports.behind_label")}
        testid="report-lines"
        columns={[
          { key: "order", label: t("reports.column_order"), title: true },
          { key: "customer", label: t("reports.column_customer") },
          { key: "item", label: t("reports.column_item") },
          { key: "quantity", label: t("reports.column_quantity"), number: true },
          { key: "due", label: t("reports.column_due") },
          { key: "complete", label: t("reports.column_complete") },
          { key: "delay", label: t("reports.column_delay"), number: true },
          ...(causes ? [{ key: "causes", label: t("reports.column_causes") }] : []),
        ]}
        rows={rows.map((row) => ({
          key: `${row.order}/${row.line}`,
          testid: `line-${row.order}-${row.line}`,
          cells: [
            <Link key="order" to="/orders/$number" params={{ number: row.order }}>
              {row.order} · {row.line}
            </Link>,
            row.customer_name,
            row.item_name,
            `${formatNumber(row.ordered, t.language)} ${formatUnit(t, row.unit, row.ordered)}`,
            moment(row.due),
            moment(row.shipped_at),
            row.delay_ms <= 0 ? "–" : valueWords(t, row.delay_ms, "ms"),
            ...(causes ? [causeWords(t, row)] : []),
          ],
        }))}
      />
    </div>
  );
}

/** What made the delay, the greatest part first. */
function causeWords(t: ReportTranslator, row: LineBehind): string {
  return [...row.shares].sort((left, right) => right.ms - left.ms).map((share) => `${share.label} ${valueWords(t, share.ms, "ms")}`).join(" · ");
}
