import type { ReactElement } from "react";
import { linear, shortened, ticksOf, widthOf, type Unit } from "./scale.ts";
import { Plot, TEXT, type MarkShape, type Tip } from "./plot.tsx";

export interface Bar {
  key: string;
  label: string;
  /** Null: there is no number; `words` says why. */
  value: number | null;
  words: string;
  tip: Tip;
  act?: (() => void) | undefined;
  /** Stands out, with a word that says why. */
  flag?: string | undefined;
}

interface BarsProps {
  label: string;
  bars: readonly Bar[];
  unit: Unit;
  tick: (value: number) => string;
  /** A line to compare with: a target, or 100 %. */
  reference?: { value: number; words: string } | undefined;
  testid?: string | undefined;
}

const ROW = 36;
const BAR = 20;
const HEAD = 24;
const FOOT = 28;
const NARROW = 520;
/** So much a mark of the axis takes, with its words. */
const TICK = 72;

/** Lying bars, one below the other: there is room for names in any language. */
export function Bars({ label, bars, unit, tick, reference, testid }: BarsProps): ReactElement {
  const height = HEAD + bars.length * ROW + FOOT;
  const draw = (width: number): { drawing: ReactElement; marks: MarkShape[] } => {
    const left = Math.min(width < NARROW ? width * 0.34 : 220, 16 + Math.max(...bars.map((bar) => widthOf(bar.label, TEXT)), 40));
    const values = [...bars.flatMap((bar) => (bar.value === null ? [] : [bar.value])), ...(reference === undefined ? [] : [reference.value])];
    const right = 12 + Math.max(0, ...bars.map((bar) => widthOf(wordsOf(bar), TEXT)));
    const ticks = ticksOf(values, unit, { most: Math.max(1, Math.min(5, Math.floor((width - left - right) / TICK))) });
    const x = linear([ticks[0] ?? 0, ticks.at(-1) ?? 1], [left, Math.max(left + 40, width - right)]);
    const middle = (index: number): number => HEAD + index * ROW + ROW / 2;
    const bottom = HEAD + bars.length * ROW;
    return {
      drawing: (
        <>
          <g className="grid">
            {ticks.map((value) => (
              <g key={value}>
                <line x1={x(value)} x2={x(value)} y1={HEAD - 4} y2={bottom} className={value === 0 ? "axis" : "rule"} />
                <text x={x(value)} y={bottom + 18} textAnchor="middle">
                  {tick(value)}
                </text>
              </g>
            ))}
          </g>
          {bars.map((bar, index) =>
            bar.value === null ? null : (
              <g key={bar.key} className={bar.flag === undefined ? "bar" : "bar bar-flag"}>
                <rect x={Math.min(x(0), x(bar.value))} y={middle(index) - BAR / 2} width={Math.max(2, Math.abs(x(bar.value) - x(0)))} height={BAR} rx={3} className="bar-fill" />
              </g>
            ),
          )}
          {reference !== undefined && (
            <g className="target">
              <line x1={x(reference.value)} x2={x(reference.value)} y1={HEAD - 4} y2={bottom} />
              <text x={x(reference.value)} y={HEAD - 10} textAnchor={x(reference.value) > width - widthOf(reference.words, TEXT) / 2 - 8 ? "end" : "middle"}>
                {reference.words}
              </text>
            </g>
          )}
          {bars.map((bar, index) => (
            <g key={bar.key}>
              <text x={left - 8} y={middle(index)} dy="0.32em" textAnchor="end" className="name">
                {shortened(bar.label, TEXT, left - 12)}
              </text>
              <text x={Math.max(x(bar.value ?? 0), x(0)) + 8} y={middle(index)} dy="0.32em" className={bar.value === null ? "absent" : "value"}>
                {wordsOf(bar)}
              </text>
            </g>
          ))}
        </>
      ),
      marks: bars.map((bar, index) => ({
        key: bar.key,
        tip: bar.tip,
        act: bar.act,
        x: Math.min(width * 0.6, x(Math.max(0, bar.value ?? 0))),
        y: middle(index) + BAR / 2 + 2,
        area: { x: 2, y: middle(index) - ROW / 2 + 2, width: width - 4, height: ROW - 4 },
      })),
    };
  };
  return <Plot label={label} height={height} draw={draw} testid={testid} />;
}

function wordsOf(bar: Bar): string {
  return bar.flag === undefined ? bar.words : `${bar.words} · ${bar.flag}`;
}
