import { useEffect, useMemo, useRef, useState, type ReactElement } from "react";
import { formatClock, formatDuration } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { shortened } from "./charts/scale.ts";
import { Plot, type MarkShape } from "./charts/plot.tsx";
import { useReportWords } from "./language.tsx";
import { partsOf, stripRows, type Segment, type StripRow } from "./strip.ts";
import type { Stop } from "./stopsapi.ts";

const ROW = 72;
const BAR = 40;
const HEAD = 22;
/** Half of what the words of an hour take. */
const EDGE = 20;
const HOUR_MS = 3_600_000;
const TEXT = 13;

interface StripProps {
  name: string;
  zone: string;
  day: { from: number; until: number };
  segments: readonly Segment[];
  chosen: string | null;
  reason: (stop: Stop) => string | null;
  /** Null: who looks gives no reasons. */
  choose: ((stop: Stop) => void) | null;
}

/** A machine's day in the colours of its states; stops carry their reasons, and answer to a press. */
export function Strip({ name, zone, day, segments, chosen, reason, choose }: StripProps): ReactElement {
  const t = useReportWords();
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const watch = new ResizeObserver(() => { setWidth(element.clientWidth); });
    watch.observe(element);
    return () => { watch.disconnect(); };
  }, []);
  const rows = useMemo(() => stripRows(day.from, day.until, width), [day.from, day.until, width]);

  const draw = (wide: number): { drawing: ReactElement; marks: MarkShape[] } => {
    const across = wide - 2 * EDGE;
    const parts = partsOf(segments, rows);
    const top = (row: number): number => row * ROW + HEAD;
    const first = rows[0];
    const length = first === undefined ? 1 : first.until - first.from;
    return {
      drawing: (
        <>
          {rows.map((row, index) => (
            <Hours key={row.from} row={row} y={top(index)} across={across} length={length} zone={zone} />
          ))}
          {parts.map((part) => {
            const { stop, state, from } = part.item;
            const x = EDGE + part.from * across;
            const span = Math.max(1, (part.until - part.from) * across - 0.5);
            const said = stop === null ? null : reason(stop);
            return (
              <g key={`${from}/${part.row}`} className={`strip-part strip-${state}${stop !== null && stop.from === chosen ? " strip-chosen" : ""}`}>
                <rect x={x} y={top(part.row)} width={span} height={BAR} />
                {stop !== null && said === null && span > 3 && <rect x={x} y={top(part.row) + BAR - 6} width={span} height={6} className="strip-unexplained" />}
                {stop !== null && span > 40 && (
                  <text x={x + 6} y={top(part.row) + BAR / 2} dy="0.32em">
                    {shortened(said ?? wordOf(t, "state", state), TEXT, span - 12)}
                  </text>
                )}
              </g>
            );
          })}
        </>
      ),
      marks: parts.flatMap((part): MarkShape[] => {
        const { stop, state, from, until } = part.item;
        if (stop === null) return [];
        const x = EDGE + part.from * across;
        const span = (part.until - part.from) * across;
        return [
          {
            key: `${from}/${part.row}`,
            tip: {
              title: t("reports.from_to", { from: formatClock(from, zone, t.language), to: formatClock(until, zone, t.language) }),
              lines: [
                { name: wordOf(t, "state", state), value: formatDuration(t, until - from) },
                { name: t("stops.column_reason"), value: reason(stop) ?? t("stops.no_reason") },
              ],
              hint: choose === null ? undefined : t("stops.hint"),
            },
            act: choose === null ? undefined : () => { choose(stop); },
            x: x + span / 2,
            y: top(part.row) + BAR + 6,
            // A short stop is wider for the finger than it was long.
            area: { x: Math.max(0, x - Math.max(0, 6 - span / 2)), y: top(part.row) - 3, width: Math.max(12, span), height: BAR + 6 },
          },
        ];
      }),
    };
  };
  return (
    <div ref={frame} className="report-card strip" data-testid="strip">
      <Plot label={t("stops.strip", { machine: name })} height={Math.max(1, rows.length) * ROW} draw={draw} />
    </div>
  );
}

function Hours({ row, y, across, length, zone }: { row: StripRow; y: number; across: number; length: number; zone: string }): ReactElement {
  const t = useReportWords();
  const hours = Array.from({ length: Math.round((row.until - row.from) / HOUR_MS) + 1 }, (_, hour) => row.from + hour * HOUR_MS);
  return (
    <g className="grid">
      <rect x={EDGE} width={((row.until - row.from) / length) * across} y={y} height={BAR} className="strip-ground" />
      {hours.map((hour) => {
        const x = EDGE + ((hour - row.from) / length) * across;
        return (
          <g key={hour}>
            <line x1={x} x2={x} y1={y - 4} y2={y + BAR + 4} className="rule" />
            <text x={x} y={y - 8} textAnchor="middle">
              {formatClock(hour, zone, t.language)}
            </text>
          </g>
        );
      })}
    </g>
  );
}
