import type { ReactElement } from "react";
import { bands, linear, linePath, ticksOf, type Unit } from "./scale.ts";
import { Below, colourOf, Grid, Plot, type MarkShape, type Tip } from "./plot.tsx";

export interface Line {
  code: string;
  name: string;
  /** One per slot; null where there is no number. */
  values: readonly (number | null)[];
  target?: number | null;
}

export interface PlotSlot {
  key: string;
  /** Below the chart, short. */
  label: string;
  tip: Tip;
  act?: (() => void) | undefined;
}

interface LinesProps {
  label: string;
  slots: readonly PlotSlot[];
  lines: readonly Line[];
  unit: Unit;
  tick: (value: number) => string;
  /** Written at a line's target. */
  targetWords: (value: number) => string;
  testid?: string | undefined;
}

const HEIGHT = 260;
const TOP = 20;
const BOTTOM = 32;
const LEFT = 56;
const RIGHT = 16;
const DOTS_UNTIL = 40;

/** How figures went, each with its target as a dashed line. A gap is a gap: nothing is drawn where nothing is known. */
export function Lines({ label, slots, lines, unit, tick, targetWords, testid }: LinesProps): ReactElement {
  const draw = (width: number): { drawing: ReactElement; marks: MarkShape[] } => {
    const known = lines.flatMap((line) => [...line.values.flatMap((value) => (value === null ? [] : [value])), ...(line.target == null ? [] : [line.target])]);
    const ticks = ticksOf(known, unit, { near: true });
    const bottom = HEIGHT - BOTTOM;
    const y = linear([ticks[0] ?? 0, ticks.at(-1) ?? 1], [bottom, TOP]);
    const until = width - RIGHT;
    const band = bands(slots.length, LEFT, until);
    const pitch = (until - LEFT) / Math.max(1, slots.length);
    return {
      drawing: (
        <>
          <Grid ticks={ticks} x={LEFT} y={y} width={until - LEFT} words={tick} />
          <Below labels={slots.map((slot) => slot.label)} middle={band.middle} y={HEIGHT - 10} pitch={pitch} />
          {lines.map((line, index) => (
            <g key={line.code} style={{ color: colourOf(index) }}>
              {line.target != null && (
                <g className="target">
                  <line x1={LEFT} x2={until} y1={y(line.target)} y2={y(line.target)} />
                  <text x={until} y={y(line.target) - 6} textAnchor="end">
                    {targetWords(line.target)}
                  </text>
                </g>
              )}
              <path className="line" d={linePath(line.values.map((value, slot) => (value === null ? null : ([band.middle(slot), y(value)] as const))))} />
              {slots.length <= DOTS_UNTIL &&
                line.values.map((value, slot) => (value === null ? null : <Dot key={slots[slot]?.key ?? slot} shape={index} x={band.middle(slot)} y={y(value)} />))}
            </g>
          ))}
        </>
      ),
      marks: slots.map((slot, index) => {
        const highest = Math.min(bottom - 96, ...lines.flatMap((line) => { const value = line.values[index] ?? null; return value === null ? [] : [y(value) + 8]; }));
        return {
          key: slot.key,
          tip: slot.tip,
          act: slot.act,
          x: band.middle(index),
          y: Math.max(TOP, highest),
          area: { x: LEFT + pitch * index + 1, y: TOP - 8, width: Math.max(1, pitch - 2), height: HEIGHT - TOP },
        };
      }),
    };
  };
  return <Plot label={label} height={HEIGHT} draw={draw} testid={testid} />;
}

/** Each line has a shape of its own: it is found without its colour. */
export function Dot({ shape, x, y }: { shape: number; x: number; y: number }): ReactElement {
  if (shape % 3 === 1) return <rect className="dot" x={x - 4} y={y - 4} width={8} height={8} />;
  if (shape % 3 === 2) return <path className="dot" d={`M${x} ${y - 5}l5 9h-10z`} />;
  return <circle className="dot" cx={x} cy={y} r={4} />;
}
