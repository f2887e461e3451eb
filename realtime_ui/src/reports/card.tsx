import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useId, useRef, useState, type ReactElement, type ReactNode } from "react";
import { Table, type Column, type TableRow } from "../desk/table.tsx";
import { Failed, Skeleton } from "../ui/states.tsx";
import { readReport } from "./api.ts";
import type { Report } from "./envelope.ts";
import { absentWords, codesIn, dayWords, definitionOf, figureWords, slotWords } from "./figures.ts";
import { DrawnIn } from "./charts/plot.tsx";
import { Exports } from "./exports.tsx";
import { useReportWords, type ReportTranslator } from "./language.tsx";
import { Meaning } from "./meaning.tsx";
import type { ReportQuery } from "./search.ts";

const KEPT_MS = 30_000;

/** A report in the reader's language; while another one is asked for, the one before stays. */
export function useReport(name: string, asked: ReportQuery, enabled = true): UseQueryResult<Report> {
  const { language } = useReportWords();
  const wanted = { ...asked, language: language === "zh-CN" ? "zh" : "en" };
  return useQuery({
    queryKey: ["report", name, wanted],
    queryFn: ({ signal }) => readReport(name, wanted, signal),
    staleTime: KEPT_MS,
    placeholderData: (before) => before,
    enabled,
  });
}

interface CardProps {
  title: string;
  /** The report's name in the API. */
  name: string;
  query: ReportQuery;
  report: UseQueryResult<Report>;
  /** Whose meaning stands behind the (i), in order; the first says why there is nothing to show. */
  codes: readonly string[];
  /** Null: there is nothing to draw. */
  chart: (report: Report) => ReactElement | null;
  table: "series" | "rows";
  /** Beside the heading: what the chart is cut by. */
  choice?: ReactNode;
  /** Below the heading: the figures of the whole period. */
  totals?: readonly string[];
  wide?: boolean;
}

/** A report as a chart or as a table, with what its figures mean and ways to take it along. */
export function ReportCard({ title, name, query, report, codes, chart, table, choice, totals = [], wide = false }: CardProps): ReactElement {
  const t = useReportWords();
  const heading = useId();
  const svg = useRef<SVGSVGElement>(null);
  const [asTable, setAsTable] = useState(false);
  const { data } = report;
  const drawn = data === undefined || asTable ? null : chart(data);
  return (
    <section className={`report-card${wide ? " report-wide" : ""}${report.isPlaceholderData ? " is-waiting" : ""}`} aria-labelledby={heading} aria-busy={report.isFetching} data-testid={`card-${name}`}>
      <header className="report-head">
        <h2 id={heading}>{title}</h2>
        {data !== undefined && <Meaning of={codes.map((code) => definitionOf(data, code))} />}
        <div className="report-tools">
          {choice}
          <button type="button" className="button button-quiet button-small" aria-pressed={asTable} onClick={() => { setAsTable(!asTable); }} data-testid={`table-${name}`}>
            {t(asTable ? "reports.as_chart" : "reports.as_table")}
          </button>
          {data !== undefined && <Exports name={name} query={query} title={title} period={periodWords(t, data)} svg={drawn === null ? null : svg} />}
        </div>
      </header>
      {report.isError && data === undefined ? (
        <Failed what={t("reports.failed")} error={report.error} retry={() => void report.refetch()} />
      ) : data === undefined ? (
        <Skeleton width="100%" height="260px" />
      ) : (
        <>
          {totals.length > 0 && <Totals report={data} codes={totals} />}
          {asTable ? <FigureTable report={data} of={table} label={title} /> : drawn !== null ? <DrawnIn value={svg}>{drawn}</DrawnIn> : ( <p className="report-nothing">{nothingWords(t, data, codes)}</p>)}
        </>
      )}
    </section>
  );
}

function nothingWords(t: ReportTranslator, report: Report, codes: readonly string[]): string {
  const figure = codes.map((code) => report.totals[code]).find((each) => each?.absent_words != null);
  return figure === undefined ? t("reports.nothing") : absentWords(t, figure);
}

/** "16 to 22 November 2026, as known on …": what stands on a picture. */
export function periodWords(t: ReportTranslator, report: Report): string {
  const { first, last } = report.period;
  const days = first === last ? dayWords(t.language, first) : t("reports.from_to", { from: dayWords(t.language, first), to: dayWords(t.language, last) });
  return [report.scope.line ?? report.scope.site, days].filter((part) => part != null && part !== "").join(" · ");
}

function Totals({ report, codes }: { report: Report; codes: readonly string[] }): ReactElement {
  const t = useReportWords();
  return (
    <ul className="figures">
      {codesIn(report, codes).map((code) => {
        const definition = definitionOf(report, code);
        const figure = report.totals[code];
        if (definition === undefined || figure === undefined) return null;
        return (
          <li key={code} data-testid={`total-${report.report}-${code}`} data-value={figure.value ?? ""}>
            <span>{definition.name}</span>
            <strong className={figure.value === null ? "kpi-absent" : undefined}>{figureWords(t, figure, definition.unit)}</strong>
          </li>
        );
      })}
    </ul>
  );
}

/** The same figures as numbers: for screen readers, and whoever wants them exactly. */
function FigureTable({ report, of, label }: { report: Report; of: "series" | "rows"; label: string }): ReactElement {
  const t = useReportWords();
  const found = of === "series" ? report.series.map((slot) => ({ key: slot.first, label: slotWords(t, slot.first, report.period.grain), figures: slot.figures })) : report.rows;
  const shown = [...new Set(found.flatMap((row) => Object.keys(row.figures)))].flatMap((code) => definitionOf(report, code) ?? []);
  const columns: Column[] = [{ key: "key", label: t(of === "series" ? "reports.column_period" : "reports.column_name"), title: true }, ...shown.map((each) => ({ key: each.code, label: each.name, number: true }))];
  const rows: TableRow[] = found.map((row) => ({
    key: row.key,
    cells: [row.label, ...shown.map((each) => figureWords(t, row.figures[each.code], each.unit))],
  }));
  return <Table label={label} columns={columns} rows={rows} testid={`figures-${report.report}`} />;
}
