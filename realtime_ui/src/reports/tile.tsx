import { useState, type ReactElement } from "react";
import type { Definition, Figure } from "./envelope.ts";
import { absentWords, reached, trendOf, trendWords, valueWords } from "./figures.ts";
import { Spark } from "./charts/spark.tsx";
import { useReportWords } from "./language.tsx";
import { Meaning } from "./meaning.tsx";
import { TargetField } from "./target.tsx";

interface TileProps {
  definition: Definition;
  figure: Figure;
  /** The same figure of the period before. */
  before: Pick<Figure, "value"> | undefined;
  way: readonly (number | null)[];
  /** Null: who looks may not set it. */
  setTarget: ((target: number | null) => Promise<unknown>) | null;
}

/** One figure: its number against its target, where it comes from, how it went. */
export function KpiTile({ definition, figure, before, way, setTarget }: TileProps): ReactElement {
  const t = useReportWords();
  const [editing, setEditing] = useState(false);
  const { unit, better } = definition;
  const trend = trendOf(figure, before, better, unit);
  const met = reached(figure, better);
  const currency = figure.currency ?? null;
  return (
    <li className="kpi" data-testid={`kpi-${definition.code}`} data-value={figure.value ?? ""} data-met={met ?? undefined}>
      <p className="kpi-name">
        <span>{definition.name}</span>
        <Meaning of={[definition]} />
      </p>
      {figure.value === null ? <p className="kpi-absent">{absentWords(t, figure)}</p> : <strong className="kpi-value">{valueWords(t, figure.value, unit, currency)}</strong>}
      <div className="kpi-way">
        {trend !== null && (
          <span className={`kpi-trend${trend.good === null ? "" : trend.good ? " kpi-better" : " kpi-worse"}`} title={t("reports.trend_title")}>
            <span aria-hidden="true">{trend.by === 0 ? "→" : trend.by > 0 ? "↑" : "↓"}</span>
            <span>{trendWords(t, trend, unit, currency)}</span>
            {trend.good !== null && <span className="hidden-words">{t(trend.good ? "reports.trend_better" : "reports.trend_worse")}</span>}
          </span>
        )}
        <Spark values={way} target={figure.target ?? null} />
      </div>
      {editing && setTarget !== null ? (
        <TargetField definition={definition} target={figure.target ?? null} save={setTarget} close={() => { setEditing(false); }} />
      ) : (
        <TargetWords definition={definition} figure={figure} met={met} edit={setTarget === null ? null : () => { setEditing(true); }} />
      )}
    </li>
  );
}

function TargetWords({ definition, figure, met, edit }: { definition: Definition; figure: Figure; met: boolean | null; edit: (() => void) | null }): ReactElement {
  const t = useReportWords();
  const words =
    figure.target == null
      ? t(edit === null ? "reports.target_none" : "reports.target_set")
      : t(met === null ? "reports.target" : met ? "reports.target_met" : "reports.target_missed", { target: valueWords(t, figure.target, definition.unit, figure.currency ?? null) });
  const mark = met === null ? null : <span aria-hidden="true">{met ? "✓ " : "! "}</span>;
  if (edit === null) {
    return (
      <span className={met === false ? "kpi-target kpi-missed" : "kpi-target"}>
        {mark}
        {words}
      </span>
    );
  }
  return (
    <button type="button" className={met === false ? "kpi-target kpi-missed" : "kpi-target"} onClick={edit} title={t("reports.target_edit")} data-testid={`target-${definition.code}`}>
      {mark}
      {words}
    </button>
  );
}
