import type { ReactElement, ReactNode } from "react";
import { Bars } from "./charts/bars.tsx";
import { Lines, type PlotSlot } from "./charts/lines.tsx";
import { Pareto } from "./charts/pareto.tsx";
import { colourOf, type Tip, type TipLine } from "./charts/plot.tsx";
import { ranked, type Ranked, type Unit } from "./charts/scale.ts";
import { Stacked } from "./charts/stacked.tsx";
import { ReportCard, useReport } from "./card.tsx";
import type { Definition, Figures, Report, Row, Slot } from "./envelope.ts";
import { codesIn, dayWords, definitionOf, figureWords, slotWords, tickWords, valueWords, wayOf } from "./figures.ts";
import { useReportWords, type ReportTranslator } from "./language.tsx";
import type { ReportQuery } from "./search.ts";

export interface SectionProps {
  /** The report's name in the API. */
  name: string;
  title: string;
  query: ReportQuery;
  /** What is drawn; the first gives the unit. */
  codes: readonly string[];
  /** Told above the chart, of the whole period. */
  totals?: readonly string[];
  choice?: ReactNode;
  wide?: boolean;
}

interface SlotAction {
  hint: string;
  act: (slot: Slot) => void;
}

export interface RowAction {
  hint: string;
  act: (row: Row) => void;
}

function definitionsOf(report: Report, codes: readonly string[]): Definition[] {
  return codesIn(report, codes).flatMap((code) => definitionOf(report, code) ?? []);
}

function linesOf(t: ReportTranslator, shown: readonly Definition[], figures: Figures, coloured: boolean): TipLine[] {
  return shown.map((each, index) => ({ ...(coloured ? { colour: colourOf(index) } : {}), name: each.name, value: figureWords(t, figures[each.code], each.unit) }));
}

function plotSlot(t: ReportTranslator, report: Report, slot: Slot, lines: readonly TipLine[], action: SlotAction | undefined): PlotSlot {
  const title = slot.first === slot.last ? dayWords(t.language, slot.first) : t("reports.from_to", { from: dayWords(t.language, slot.first), to: dayWords(t.language, slot.last) });
  return {
    key: slot.first,
    label: slotWords(t, slot.first, report.period.grain),
    tip: { title, lines, hint: action?.hint },
    act: action === undefined ? undefined : () => { action.act(slot); },
  };
}

function Legend({ names }: { names: readonly string[] }): ReactElement {
  return (
    <ul className="legend">
      {names.map((name, index) => (
        <li key={name}>
          <span className={`swatch swatch-${index % 3}`} style={{ background: colourOf(index) }} />
          {name}
        </li>
      ))}
    </ul>
  );
}

/** How figures went, against their targets. */
export function TrendCard({ slot, ...props }: SectionProps & { slot?: SlotAction | undefined }): ReactElement {
  const t = useReportWords();
  const report = useReport(props.name, props.query);
  const draw = (data: Report): ReactElement | null => {
    const shown = definitionsOf(data, props.codes);
    const unit = shown[0]?.unit;
    if (unit === undefined || !data.series.some((each) => props.codes.some((code) => each.figures[code]?.value != null))) return null;
    return (
      <>
        {shown.length > 1 && <Legend names={shown.map((each) => each.name)} />}
        <Lines
          label={props.title}
          slots={data.series.map((at) => plotSlot(t, data, at, linesOf(t, shown, at.figures, true), slot))}
          lines={shown.map((each) => ({ code: each.code, name: each.name, values: wayOf(data.series, each.code), target: data.totals[each.code]?.target ?? null }))}
          unit={unit}
          tick={(value) => tickWords(t, value, unit)}
          targetWords={(value) => t("reports.target", { target: valueWords(t, value, unit) })}
          testid={`chart-${props.name}`}
        />
      </>
    );
  };
  return <ReportCard {...props} report={report} chart={draw} table="series" />;
}

interface StackedProps extends SectionProps {
  /** From the bottom up: each is a figure of the series, in one unit. */
  layers: readonly { code: string; name: string }[];
  unit: Unit;
  slot?: SlotAction | undefined;
}

/** What a whole is made of, over time. */
export function StackedCard({ slot, layers, unit, ...props }: StackedProps): ReactElement {
  const t = useReportWords();
  const report = useReport(props.name, props.query);
  const draw = (data: Report): ReactElement | null => {
    const shown = layers.filter((each) => data.series.some((at) => (at.figures[each.code]?.value ?? 0) > 0));
    if (shown.length === 0) return null;
    const slots = data.series.map((at): PlotSlot => {
      const whole = shown.reduce((sum, each) => sum + (at.figures[each.code]?.value ?? 0), 0);
      const lines = shown.map((each, index): TipLine => {
        const value = at.figures[each.code]?.value ?? 0;
        return { colour: colourOf(index), name: each.name, value: `${valueWords(t, value, unit)} · ${valueWords(t, whole === 0 ? 0 : value / whole, "percent")}` };
      });
      return plotSlot(t, data, at, lines.reverse(), slot);
    });
    return (
      <>
        <Legend names={shown.map((each) => each.name)} />
        <Stacked label={props.title} slots={slots} layers={shown.map((each) => ({ code: each.code, values: wayOf(data.series, each.code) }))} unit={unit} tick={(value) => tickWords(t, value, unit)} testid={`chart-${props.name}`} />
      </>
    );
  };
  return <ReportCard {...props} report={report} chart={draw} table="series" />;
}

const MOST_BARS = 15;

interface BarsProps extends SectionProps {
  row?: ((row: Row) => RowAction | null) | undefined;
  /** A line to compare with; nothing: the target; null: none. */
  reference?: number | null;
  /** What stands out, and why. */
  flag?: ((row: Row) => string | undefined) | undefined;
  /** Which bars come first; nothing: as the report has them. */
  first?: "smallest";
  /** Where the first figure has no number anywhere the next one is drawn: scrap in parts, where nothing has a cost. */
  instead?: boolean;
}

/** One figure, side by side for what the report is cut by. */
export function BarsCard({ row: actionOf, reference, flag, first, instead = false, ...props }: BarsProps): ReactElement {
  const t = useReportWords();
  const report = useReport(props.name, props.query);
  const draw = (data: Report): ReactElement | null => {
    const shown = definitionsOf(data, props.codes);
    const main = (instead ? shown.find((each) => data.rows.some((row) => row.figures[each.code]?.value != null)) : undefined) ?? shown[0];
    const code = main?.code ?? "";
    if (main === undefined || data.rows.length === 0) return null;
    const { unit } = main;
    const sorted = first === undefined ? data.rows : [...data.rows].sort((left, right) => (left.figures[code]?.value ?? Infinity) - (right.figures[code]?.value ?? Infinity) || 0);
    const bars = sorted.slice(0, MOST_BARS).map((row) => {
      const action = actionOf?.(row) ?? null;
      const figure = row.figures[code];
      const tip: Tip = { title: row.label, lines: linesOf(t, shown, row.figures, false), hint: action?.hint };
      return { key: row.key, label: row.label, value: figure?.value ?? null, words: figureWords(t, figure, unit), tip, act: action === null ? undefined : () => { action.act(row); }, flag: flag?.(row) };
    });
    return (
      <>
        <Bars
          label={props.title}
          bars={bars}
          unit={unit}
          tick={(value) => tickWords(t, value, unit)}
          reference={reference === undefined ? targetOf(t, data, main) : reference === null ? undefined : { value: reference, words: tickWords(t, reference, unit) }}
          testid={`chart-${props.name}`}
        />
        {sorted.length > MOST_BARS && <p className="faint">{t("reports.more_rows", { n: sorted.length - MOST_BARS })}</p>}
      </>
    );
  };
  return <ReportCard {...props} report={report} chart={draw} table="rows" />;
}

function targetOf(t: ReportTranslator, report: Report, definition: Definition): { value: number; words: string } | undefined {
  const target = report.totals[definition.code]?.target;
  return target == null ? undefined : { value: target, words: t("reports.target", { target: valueWords(t, target, definition.unit) }) };
}

/** The few that most is lost to. */
export function ParetoCard({ row: actionOf, ...props }: SectionProps & { row?: ((row: Row) => RowAction | null) | undefined }): ReactElement {
  const t = useReportWords();
  const report = useReport(props.name, props.query);
  const draw = (data: Report): ReactElement | null => {
    const shown = definitionsOf(data, props.codes);
    const [main] = shown;
    const code = main?.code ?? "";
    const ranks = ranked(data.rows, (row) => row.figures[code]?.value ?? null);
    if (main === undefined || ranks.length === 0) return null;
    const { unit } = main;
    const tipOf = (rank: Ranked<Row>): Tip => ({
      title: rank.item.label,
      lines: [
        { name: main.name, value: valueWords(t, rank.value, unit) },
        { name: t("reports.share"), value: valueWords(t, rank.share, "percent") },
        { name: t("reports.cumulative"), value: valueWords(t, rank.cumulative, "percent") },
        ...linesOf(t, shown.slice(1), rank.item.figures, false),
      ],
      hint: actionOf?.(rank.item)?.hint,
    });
    return (
      <Pareto
        label={props.title}
        ranks={ranks.slice(0, MOST_BARS)}
        keyOf={(row) => row.key}
        nameOf={(row) => row.label}
        words={(value) => valueWords(t, value, unit)}
        percent={(share) => tickWords(t, share, "percent")}
        tick={(value) => tickWords(t, value, unit)}
        tipOf={tipOf}
        act={actionOf === undefined ? undefined : (row) => { actionOf(row)?.act(row); }}
        unit={unit}
        testid={`chart-${props.name}`}
      />
    );
  };
  return <ReportCard {...props} report={report} chart={draw} table="rows" />;
}
