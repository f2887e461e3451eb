import { createContext, useContext, useEffect, useRef, useState, type KeyboardEvent, type ReactElement, type ReactNode, type RefObject } from "react";

/** What is told of a bar or a point when one looks at it. */
export interface Tip {
  title: string;
  lines: readonly TipLine[];
  /** What a click or Enter does, in words. */
  hint?: string | undefined;
}

export interface TipLine {
  /** The colour that stands for it in the chart. */
  colour?: string;
  name: string;
  value: string;
}

/** The place of a bar or a point in its drawing, for where its tip stands. */
export interface Place {
  x: number;
  y: number;
}

export interface MarkShape extends Place {
  key: string;
  tip: Tip;
  act?: (() => void) | undefined;
  /** The area that answers to the pointer; also what is outlined while it has the focus. */
  area: { x: number; y: number; width: number; height: number };
}

interface PlotProps {
  /** What the drawing is, for who does not see it. */
  label: string;
  height: number;
  testid?: string | undefined;
  /** The drawing for a width, and what in it can be looked at. */
  draw: (width: number) => { drawing: ReactNode; marks: readonly MarkShape[] };
}

/** Where the drawing's element is put for who makes a picture of it. */
export const DrawnIn = createContext<RefObject<SVGSVGElement | null> | null>(null);

const LEAST_WIDTH = 240;

/** The width of an element as the browser lays it out; 0 until then. */
function useWidth(): readonly [RefObject<HTMLDivElement | null>, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const watch = new ResizeObserver(() => { setWidth(element.clientWidth); });
    watch.observe(element);
    return () => { watch.disconnect(); };
  }, []);
  return [ref, width];
}

/**
 * A drawing whose bars or points are looked at by pointer, finger or keys: Tab reaches the chart, arrows,
 * Home and End go along it, Enter looks behind what has the focus. Nothing is told by colour alone.
 */
export function Plot({ label, height, testid, draw }: PlotProps): ReactElement {
  const svg = useContext(DrawnIn);
  const [box, width] = useWidth();
  const [at, setAt] = useState(0);
  const [shown, setShown] = useState<string | null>(null);
  const { drawing, marks } = width === 0 ? { drawing: null, marks: [] } : draw(Math.max(width, LEAST_WIDTH));
  const tip = marks.find((mark) => mark.key === shown) ?? null;
  const stop = Math.min(at, marks.length - 1);

  const press = (event: KeyboardEvent): void => {
    const to = { ArrowRight: stop + 1, ArrowDown: stop + 1, ArrowLeft: stop - 1, ArrowUp: stop - 1, Home: 0, End: marks.length - 1 }[event.key];
    if (event.key === "Escape" && shown !== null) setShown(null);
    else if (event.key === "Enter" || event.key === " ") marks[stop]?.act?.();
    else if (to !== undefined && to >= 0 && to < marks.length) {
      setAt(to);
      box.current?.querySelectorAll<SVGGElement>("[data-mark]")[to]?.focus();
    } else if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={box} className="plot" style={{ minHeight: height }} data-testid={testid}>
      {width > 0 && (
        <svg ref={svg} width={Math.max(width, LEAST_WIDTH)} height={height} viewBox={`0 0 ${Math.max(width, LEAST_WIDTH)} ${height}`} role="group" aria-label={label}>
          {drawing}
          {marks.map((mark, index) => (
            <g
              key={mark.key}
              role="button"
              data-mark={mark.key}
              className={`mark${mark.act === undefined ? "" : " mark-acts"}`}
              tabIndex={index === stop ? 0 : -1}
              aria-label={spoken(mark.tip)}
              aria-disabled={mark.act === undefined ? true : undefined}
              onFocus={() => { setAt(index); setShown(mark.key); }}
              onBlur={() => { setShown(null); }}
              onPointerEnter={() => { setShown(mark.key); }}
              onPointerLeave={() => { setShown(null); }}
              onKeyDown={press}
              onClick={() => { mark.act?.(); }}
            >
              <rect {...mark.area} rx={4} className="mark-area" />
            </g>
          ))}
        </svg>
      )}
      {tip !== null && <TipCard tip={tip.tip} place={tip} width={width} />}
    </div>
  );
}

function spoken(tip: Tip): string {
  return [`${tip.title}: ${tip.lines.map((line) => `${line.name} ${line.value}`).join(", ")}`, tip.hint ?? ""].filter((part) => part !== "").join(". ");
}

/** Beside the bar, on the side where there is room. A screen reader has heard it already. */
function TipCard({ tip, place, width }: { tip: Tip; place: Place; width: number }): ReactElement {
  const right = place.x > width / 2;
  return (
    <div className="tip" aria-hidden="true" style={{ top: place.y, ...(right ? { right: width - place.x + 8 } : { left: place.x + 8 }) }}>
      <strong>{tip.title}</strong>
      <dl>
        {tip.lines.map((line) => (
          <div key={line.name}>
            <dt>
              {line.colour !== undefined && <span className="swatch" style={{ background: line.colour }} />}
              {line.name}
            </dt>
            <dd>{line.value}</dd>
          </div>
        ))}
      </dl>
      {tip.hint !== undefined && <span className="faint">{tip.hint}</span>}
    </div>
  );
}

export const TEXT = 13;
export const COLOURS = Array.from({ length: 8 }, (_, index) => `var(--family-${index + 1})`);

export function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? "currentColor";
}

/** The marks of a value axis, with lines across the drawing. */
export function Grid({ ticks, x, y, width, words }: { ticks: readonly number[]; x: number; y: (value: number) => number; width: number; words: (value: number) => string }): ReactElement {
  return (
    <g className="grid">
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={x} x2={x + width} y1={y(tick)} y2={y(tick)} className={tick === 0 ? "axis" : "rule"} />
          <text x={x - 8} y={y(tick)} dy="0.32em" textAnchor="end">
            {words(tick)}
          </text>
        </g>
      ))}
    </g>
  );
}

/** What stands below the points or bars; where they are close, only every n-th is written. */
export function Below({ labels, middle, y, pitch }: { labels: readonly string[]; middle: (index: number) => number; y: number; pitch: number }): ReactElement {
  const widest = Math.max(1, ...labels.map((label) => label.length)) * 8 + 12;
  const every = Math.max(1, Math.ceil(widest / pitch));
  return (
    <g className="grid">
      {labels.map((label, index) =>
        index % every === 0 ? (
          <text key={`${label}${index}`} x={middle(index)} y={y} textAnchor="middle">
            {label}
          </text>
        ) : null,
      )}
    </g>
  );
}
