import type { ReactElement } from "react";
import { linear, linePath } from "./scale.ts";

const WIDTH = 120;
const HEIGHT = 32;
const EDGE = 3;

/** How a figure went, without an axis: beside the number, which says the same in words. */
export function Spark({ values, target }: { values: readonly (number | null)[]; target: number | null }): ReactElement {
  const known = [...values.flatMap((value) => (value === null ? [] : [value])), ...(target === null ? [] : [target])];
  const low = Math.min(...known);
  const high = Math.max(...known);
  const x = linear([0, Math.max(1, values.length - 1)], [EDGE, WIDTH - EDGE]);
  const y = linear(high > low ? [low, high] : [low - 1, low + 1], [HEIGHT - EDGE, EDGE]);
  const last = values.findLastIndex((value) => value !== null);
  const end = values[last] ?? null;
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true" focusable="false">
      {known.length > 0 && target !== null && <line className="spark-target" x1={EDGE} x2={WIDTH - EDGE} y1={y(target)} y2={y(target)} />}
      {end !== null && <path className="line" d={linePath(values.map((value, index) => (value === null ? null : ([x(index), y(value)] as const))))} />}
      {end !== null && <circle className="dot" cx={x(last)} cy={y(end)} r={3} />}
    </svg>
  );
}
