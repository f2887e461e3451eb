import type { ReactElement } from "react";
import { bands, linear, linePath, ticksOf, wrapped, type Ranked, type Unit } from "./scale.ts";
import { Grid, Plot, TEXT, type MarkShape, type Tip } from "./plot.tsx";
import { Bars } from "./bars.tsx";
import { useNarrow } from "../../ui/narrow.ts";

interface ParetoProps<T> {
  label: string;
  /** The largest first, as `ranked` makes them. */
  ranks: readonly Ranked<T>[];
  keyOf: (item: T) => string;
  nameOf: (item: T) => string;
  words: (value: number) => string;
  percent: (share: number) => string;
  tick: (value: number) => string;
  tipOf: (rank: Ranked<T>) => Tip;
  act?: ((item: T) => void) | undefined;
  unit: Unit;
  testid?: string | undefined;
}

const HEIGHT = 320;
const TOP = 24;
const NAMES = 56;
const LEFT = 64;
const RIGHT = 56;

/** The few causes that most is lost to: bars by size, and a line with which part of all is reached. */
export function Pareto<T>(props: ParetoProps<T>): ReactElement {
  const narrow = useNarrow();
  const { label, ranks, keyOf, nameOf, words, percent, tick, tipOf, act, unit, testid } = props;
  if (narrow) {
    const bars = ranks.map((rank) => ({
      key: keyOf(rank.item),
      label: nameOf(rank.item),
      value: rank.value,
      words: `${words(rank.value)} · ${percent(rank.share)}`,
      tip: tipOf(rank),
      act: act === undefined ? undefined : () => { act(rank.item); },
    }));
    return <Bars label={label} bars={bars} unit={unit} tick={tick} testid={testid} />;
  }
  const draw = (width: number): { drawing: ReactElement; marks: MarkShape[] } => {
    const bottom = HEIGHT - NAMES;
    const ticks = ticksOf(ranks.map((rank) => rank.value), unit);
    const y = linear([ticks[0] ?? 0, ticks.at(-1) ?? 1], [bottom, TOP]);
    const part = linear([0, 1], [bottom, TOP]);
    const until = width - RIGHT;
    const band = bands(ranks.length, LEFT, until);
    const pitch = (until - LEFT) / Math.max(1, ranks.length);
    return {
      drawing: (
        <>
          <Grid ticks={ticks} x={LEFT} y={y} width={until - LEFT} words={tick} />
          <g className="grid">
            {[0.25, 0.5, 0.75, 1].map((share) => (
              <text key={share} x={until + 8} y={part(share)} dy="0.32em">
                {percent(share)}
              </text>
            ))}
          </g>
          {ranks.map((rank, index) => (
            <g key={keyOf(rank.item)} className="bar">
              <rect x={band.start(index)} y={y(rank.value)} width={band.width} height={Math.max(2, bottom - y(rank.value))} rx={3} className="bar-fill" />
              <text x={band.middle(index)} y={bottom + 18} textAnchor="middle" className="name">
                {wrapped(nameOf(rank.item), TEXT, pitch - 8, 2).map((line, row) => (
                  <tspan key={line} x={band.middle(index)} dy={row === 0 ? 0 : 16}>
                    {line}
                  </tspan>
                ))}
              </text>
            </g>
          ))}
          <path className="line cumulative" d={linePath(ranks.map((rank, index) => [band.middle(index), part(rank.cumulative)] as const))} />
          {ranks.map((rank, index) => (
            <circle key={keyOf(rank.item)} className="dot cumulative" cx={band.middle(index)} cy={part(rank.cumulative)} r={4} />
          ))}
        </>
      ),
      marks: ranks.map((rank, index) => ({
        key: keyOf(rank.item),
        tip: tipOf(rank),
        act: act === undefined ? undefined : () => { act(rank.item); },
        x: band.middle(index),
        y: Math.min(y(rank.value), bottom - 80),
        area: { x: LEFT + pitch * index + 2, y: TOP - 8, width: pitch - 4, height: HEIGHT - TOP + 4 },
      })),
    };
  };
  return <Plot label={label} height={HEIGHT} draw={draw} testid={testid} />;
}
