import type { ReactElement } from "react";
import { bands, linear, ticksOf, type Unit } from "./scale.ts";
import { Below, colourOf, Grid, Plot, type MarkShape } from "./plot.tsx";
import type { PlotSlot } from "./lines.tsx";

interface StackedProps {
  label: string;
  slots: readonly PlotSlot[];
  /** From the bottom up: a name and a value per slot. */
  layers: readonly { code: string; values: readonly (number | null)[] }[];
  unit: Unit;
  tick: (value: number) => string;
  testid?: string | undefined;
}

const HEIGHT = 280;
const TOP = 16;
const BOTTOM = 32;
const LEFT = 56;
const RIGHT = 16;

/** What a whole is made of, slot by slot: columns of layers. */
export function Stacked({ label, slots, layers, unit, tick, testid }: StackedProps): ReactElement {
  const draw = (width: number): { drawing: ReactElement; marks: MarkShape[] } => {
    const columns = slots.map((_, index) => {
      let below = 0;
      return layers.map((layer) => {
        const from = below;
        below += Math.max(0, layer.values[index] ?? 0);
        return { code: layer.code, from, until: below };
      });
    });
    const ticks = ticksOf(columns.map((column) => column.at(-1)?.until ?? 0), unit);
    const bottom = HEIGHT - BOTTOM;
    const y = linear([ticks[0] ?? 0, ticks.at(-1) ?? 1], [bottom, TOP]);
    const until = width - RIGHT;
    const band = bands(slots.length, LEFT, until, 56);
    const pitch = (until - LEFT) / Math.max(1, slots.length);
    return {
      drawing: (
        <>
          <Grid ticks={ticks} x={LEFT} y={y} width={until - LEFT} words={tick} />
          <Below labels={slots.map((slot) => slot.label)} middle={band.middle} y={HEIGHT - 10} pitch={pitch} />
          {columns.map((column, index) =>
            column.map((part, layer) =>
              part.until > part.from ? (
                // A line of the ground between layers: they are told apart without their colours.
                <rect key={`${slots[index]?.key ?? index}/${part.code}`} x={band.start(index)} y={y(part.until)} width={band.width} height={Math.max(1, y(part.from) - y(part.until) - 1)} style={{ fill: colourOf(layer) }} />
              ) : null,
            ),
          )}
        </>
      ),
      marks: slots.map((slot, index) => ({
        key: slot.key,
        tip: slot.tip,
        act: slot.act,
        x: band.middle(index),
        y: Math.min(bottom - 160, y(columns[index]?.at(-1)?.until ?? 0)),
        area: { x: LEFT + pitch * index + 1, y: TOP - 8, width: Math.max(1, pitch - 2), height: HEIGHT - TOP },
      })),
    };
  };
  return <Plot label={label} height={HEIGHT} draw={draw} testid={testid} />;
}
