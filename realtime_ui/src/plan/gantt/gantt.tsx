import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useId, useMemo, useRef, useState, useSyncExternalStore, type ReactElement } from "react";
import { formatShortMoment } from "../../i18n/format.ts";
import { Glyph } from "../../ui/glyph.tsx";
import type { PlanStore } from "../store.ts";
import type { Telling } from "../words.ts";
import { lowerSpan } from "./bars.ts";
import { BarCard } from "./card.tsx";
import { Chart } from "./chart.ts";
import type { ChartSettings } from "./contract.ts";
import { commandOf, type Command } from "./keys.ts";
import { Legend } from "./legend.tsx";
import { barWords, chartWords } from "./phrases.ts";
import { PlanTable } from "./table.tsx";

/** How somebody looks at the plan: it stands in the page's address. */
export interface Looks {
  rows?: "order";
  colour?: "lateness";
  order?: string;
  form?: "table";
}

interface GanttProps {
  store: PlanStore;
  telling: Telling;
  looks: Looks;
  setLooks: (looks: Looks) => void;
}

/** The chart with its tools, or the same as a table. */
export function Gantt({ store, telling, looks, setLooks }: GanttProps): ReactElement {
  const { t } = telling;
  const [run, setRun] = useState<((command: Command) => void) | null>(null);
  const arrangement = looks.rows ?? "machine";
  const colouring = looks.colour ?? "family";
  const asTable = looks.form === "table";
  const change = (part: { [Name in keyof Looks]: Looks[Name] | undefined }): void => {
    const next = Object.fromEntries(Object.entries({ ...looks, ...part }).filter(([, value]) => value !== undefined));
    setLooks(next);
  };
  const tool = (command: Command, word: string, text: string): ReactElement => (
    <button type="button" className="button tool" aria-label={word} title={word} disabled={run === null} onClick={() => { run?.(command); }}>
      {text}
    </button>
  );
  return (
    <section className="gantt-frame" aria-label={t("plan.title")}>
      <div className="gantt-tools">
        <Choice label={t("chart.arrangement")} value={arrangement} options={[["machine", t("chart.by_machine")], ["order", t("chart.by_order")]]} choose={(value) => { change({ rows: value === "order" ? "order" : undefined }); }} />
        {!asTable && <Choice label={t("chart.colouring")} value={colouring} options={[["family", t("chart.family")], ["lateness", t("chart.lateness")]]} choose={(value) => { change({ colour: value === "lateness" ? "lateness" : undefined }); }} />}
        <Choice label={t("chart.form")} value={asTable ? "table" : "chart"} options={[["chart", t("chart.chart")], ["table", t("chart.table")]]} choose={(value) => { change({ form: value === "table" ? "table" : undefined }); }} />
        {!asTable && (
          <div className="gantt-zoom">
            {tool({ kind: "zoom", closer: false }, t("chart.further"), "−")}
            {tool({ kind: "zoom", closer: true }, t("chart.closer"), "+")}
            {tool({ kind: "now" }, t("chart.now"), t("chart.now"))}
            {tool({ kind: "fit" }, t("chart.fit"), t("chart.fit"))}
          </div>
        )}
        {looks.order !== undefined && (
          <button type="button" className="button gantt-order" data-testid="lit-order" title={t("chart.order_clear")} onClick={() => { change({ order: undefined }); }}>
            {t("chart.order_lit", { order: looks.order })}
            <Glyph name="close" />
            <span className="hidden-words">{t("chart.order_clear")}</span>
          </button>
        )}
      </div>
      {asTable ? <PlanTable store={store} telling={telling} arrangement={arrangement} order={looks.order ?? null} /> : <ChartView store={store} telling={telling} looks={looks} ready={setRun} light={(order) => { change({ order }); }} />}
      {!asTable && <Legend store={store} t={t} colouring={colouring} />}
    </section>
  );
}

function Choice<Value extends string>({ label, value, options, choose }: { label: string; value: Value; options: readonly (readonly [Value, string])[]; choose: (value: Value) => void }): ReactElement {
  return (
    <div className="segments" role="group" aria-label={label}>
      {options.map(([each, word]) => (
        <button key={each} type="button" aria-pressed={each === value} onClick={() => { choose(each); }} data-testid={`gantt-${each}`}>
          {word}
        </button>
      ))}
    </div>
  );
}

interface ChartViewProps {
  store: PlanStore;
  telling: Telling;
  looks: Looks;
  /** Told how to command the chart, as long as there is one. */
  ready: (run: (() => (command: Command) => void) | null) => void;
  light: (order: string | undefined) => void;
}

function ChartView({ store, telling, looks, ready, light }: ChartViewProps): ReactElement {
  const { t, zone, machine } = telling;
  const navigate = useNavigate();
  const hint = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const room = useRef<HTMLDivElement>(null);
  const card = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | null>(null);
  const [shown, setShown] = useState<{ id: number; pinned: boolean; said: string } | null>(null);
  const arrangement = looks.rows ?? "machine";
  const colouring = looks.colour ?? "family";
  const order = looks.order ?? null;
  const settings = useMemo((): ChartSettings => ({ arrangement, colouring, zone, order, words: chartWords(t, zone, arrangement, machine) }), [arrangement, colouring, zone, order, t, machine]);
  const latest = useRef({ settings, telling, order, light });
  useEffect(() => {
    latest.current = { settings, telling, order, light };
    chart.current?.set(settings);
  });
  useEffect(() => {
    if (scroller.current === null || canvas.current === null || room.current === null || card.current === null) return undefined;
    const elements = { scroller: scroller.current, canvas: canvas.current, room: room.current, card: card.current };
    const made = new Chart(store, elements, latest.current.settings, {
      onBar: (id, pinned) => {
        const bar = id === null ? undefined : store.bars.get(id);
        setShown(bar === undefined ? null : { id: bar.id, pinned, said: said(latest.current.telling, store, bar.id) });
      },
      onChoose: (bar) => {
        const chosen = bar.view.order_number;
        if (chosen === null) latest.current.light(undefined);
        else if (chosen === latest.current.order) void navigate({ to: "/orders/$number", params: { number: chosen } });
        else latest.current.light(chosen);
      },
      onLeave: () => { if (latest.current.order !== null) latest.current.light(undefined); },
    });
    chart.current = made;
    ready(() => (command) => { made.run(command); });
    const press = (event: KeyboardEvent): void => {
      const command = commandOf(event);
      if (command === null || event.target !== elements.scroller) return;
      event.preventDefault();
      made.run(command);
    };
    elements.scroller.addEventListener("keydown", press);
    return () => {
      elements.scroller.removeEventListener("keydown", press);
      made.destroy();
      chart.current = null;
      ready(null);
    };
  }, [store, navigate, ready]);
  const note = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => (store.bars.size === 0 ? "none" : order !== null && ![...store.bars.values()].some((bar) => bar.view.order_number === order) ? "order" : null),
  );
  const resized = useCallback(() => { chart.current?.invalidate(); }, []);
  return (
    <div className="gantt">
      <div className="gantt-scroll" ref={scroller} tabIndex={0} role="application" aria-label={t("chart.label")} aria-describedby={hint} data-testid="gantt">
        <div ref={room}>
          <canvas ref={canvas} aria-hidden="true" />
        </div>
      </div>
      {note !== null && <p className="gantt-note">{note === "none" ? t("plan.none_open") : t("chart.order_none", { order: order ?? "" })}</p>}
      <div ref={card} className={`gantt-card${shown === null ? " is-away" : ""}${shown?.pinned === true ? " is-pinned" : ""}`} data-testid="gantt-card">
        {shown !== null && <BarCard store={store} id={shown.id} telling={telling} pinned={shown.pinned} shown={resized} />}
      </div>
      <p className="hidden-words" aria-live="polite">
        {shown?.said ?? ""}
      </p>
      <p className="gantt-keys" id={hint}>
        {t("chart.keys_pan")}
      </p>
    </div>
  );
}

function said({ t, now, zone }: Telling, store: PlanStore, id: number): string {
  const bar = store.bars.get(id);
  const span = bar === undefined ? null : lowerSpan(bar);
  if (bar === undefined) return "";
  return barWords(t, bar, span === null ? t("card.not_planned") : t("card.range", { from: formatShortMoment(t, span.from, now, zone), to: formatShortMoment(t, span.to, now, zone) }));
}
