import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useId, useMemo, useRef, useState, useSyncExternalStore, type ReactElement } from "react";
import { formatShortMoment } from "../../i18n/format.ts";
import { tell } from "../../app/toasts.tsx";
import { Glyph } from "../../ui/glyph.tsx";
import type { PlanStore } from "../store.ts";
import { shiftWords } from "../whatif/words.ts";
import { stuckWords } from "../whatif/locks.ts";
import { operationWords, type Telling } from "../words.ts";
import { lowerSpan, type Bar } from "./bars.ts";
import { BarCard } from "./card.tsx";
import { Chart } from "./chart.ts";
import type { ChartSettings } from "./contract.ts";
import type { Ghosts } from "./ghosts.ts";
import type { Held } from "./hand.ts";
import { commandOf, type Command } from "./keys.ts";
import { needsOf } from "./lanes.ts";
import type { Direction } from "./layout.ts";
import { Legend } from "./legend.tsx";
import { barWords, chartWords } from "./phrases.ts";
import { PlanTable } from "./table.tsx";

/** The card of a bar is rendered by then. */
const MENU_MS = 60;

/** How somebody looks at the plan: it stands in the page's address. */
export interface Looks {
  rows?: "resource" | "order";
  colour?: "lateness";
  order?: string;
  form?: "table";
}

/** What a planner does with the chart. */
export interface Hands {
  mayPlan: boolean;
  mayOrder: boolean;
  ghosts: Ghosts | null;
  onHold: ReadonlySet<string>;
  drop: (held: Held) => void;
  /** Lock an operation to where it is, or free it. */
  lock: (bar: Bar) => void;
  why: (order: string) => void;
  rush: (order: string) => void;
  /** Take the last step of the draft back. */
  undo: () => void;
}

interface GanttProps {
  store: PlanStore;
  telling: Telling;
  hands: Hands;
  looks: Looks;
  setLooks: (looks: Looks) => void;
}

/** The chart with its tools, or the same as a table. */
export function Gantt({ store, telling, hands, looks, setLooks }: GanttProps): ReactElement {
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
        <Choice label={t("chart.arrangement")} value={arrangement} options={[["machine", t("chart.by_machine")], ["resource", t("chart.by_resource")], ["order", t("chart.by_order")]]} choose={(value) => { change({ rows: value === "machine" ? undefined : value }); }} />
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
      {asTable ? <PlanTable store={store} telling={telling} arrangement={arrangement} order={looks.order ?? null} /> : <ChartView store={store} telling={telling} hands={hands} looks={looks} ready={setRun} light={(order) => { change({ order }); }} />}
      {!asTable && <Legend store={store} t={t} arrangement={arrangement} colouring={colouring} draft={hands.ghosts !== null} />}
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
  hands: Hands;
  looks: Looks;
  /** Told how to command the chart, as long as there is one. */
  ready: (run: (() => (command: Command) => void) | null) => void;
  light: (order: string | undefined) => void;
}

function ChartView({ store, telling, hands, looks, ready, light }: ChartViewProps): ReactElement {
  const { t, zone, machine } = telling;
  const navigate = useNavigate();
  const hint = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const room = useRef<HTMLDivElement>(null);
  const card = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | null>(null);
  const [shown, setShown] = useState<{ id: number; pinned: boolean; said: string } | null>(null);
  const [held, setHeld] = useState<string | null>(null);
  const arrangement = looks.rows ?? "machine";
  const colouring = looks.colour ?? "family";
  const order = looks.order ?? null;
  const { mayPlan, ghosts, onHold } = hands;
  const words = useMemo(() => chartWords(t, zone, arrangement, machine), [t, zone, arrangement, machine]);
  const settings = useMemo((): ChartSettings => ({ arrangement, colouring, zone, order, words, ghosts, movable: mayPlan, onHold }), [arrangement, colouring, zone, order, words, ghosts, mayPlan, onHold]);
  const latest = useRef({ settings, telling, order, light, hands });
  useEffect(() => {
    latest.current = { settings, telling, order, light, hands };
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
      onHeld: (now) => { setHeld(now === null ? null : heldWords(latest.current.telling, store, now)); },
      onDrop: (now) => {
        // The card would cover where it was put.
        setShown(null);
        latest.current.hands.drop(now);
      },
      onUndo: () => { if (latest.current.hands.mayPlan) latest.current.hands.undo(); },
      onAsk: (bar, what) => {
        const { order_number: number } = bar.view;
        if (what === "lock" && latest.current.hands.mayPlan) latest.current.hands.lock(bar);
        else if (what === "stuck" && latest.current.hands.mayPlan) tell(stuckWords(latest.current.telling, bar), { bad: true });
        else if (what === "why" && number !== null) latest.current.hands.why(number);
        // Once the card is there: its first button.
        else if (what === "menu") setTimeout(() => { elements.card.querySelector<HTMLElement>("button, a")?.focus(); }, MENU_MS);
      },
    });
    chart.current = made;
    ready(() => (command) => { made.run(command); });
    const press = (event: KeyboardEvent): void => {
      const command = commandOf(event, made.holding);
      if (command === null || event.target !== elements.scroller) return;
      event.preventDefault();
      made.run(command);
    };
    const leave = (event: KeyboardEvent): void => {
      if (event.key === "Escape") elements.scroller.focus();
    };
    elements.scroller.addEventListener("keydown", press);
    elements.card.addEventListener("keydown", leave);
    return () => {
      elements.scroller.removeEventListener("keydown", press);
      elements.card.removeEventListener("keydown", leave);
      made.destroy();
      chart.current = null;
      ready(null);
    };
  }, [store, navigate, ready]);
  const note = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => (store.bars.size === 0 ? "none" : arrangement === "resource" && !isAnythingNeeded(store) ? "resource" : order !== null && ![...store.bars.values()].some((bar) => bar.view.order_number === order) ? "order" : null),
  );
  const resized = useCallback(() => { chart.current?.invalidate(); }, []);
  return (
    <div className="gantt">
      <div className="gantt-scroll" ref={scroller} tabIndex={0} role="application" aria-label={t("chart.label")} aria-describedby={hint} data-testid="gantt">
        <div ref={room}>
          <canvas ref={canvas} aria-hidden="true" />
        </div>
      </div>
      {note !== null && <p className="gantt-note">{note === "none" ? t("plan.none_open") : note === "resource" ? t("chart.nothing_needed") : t("chart.order_none", { order: order ?? "" })}</p>}
      <div ref={card} className={`gantt-card${shown === null || held !== null ? " is-away" : ""}${shown?.pinned === true ? " is-pinned" : ""}`} data-testid="gantt-card">
        {shown !== null && <BarCard store={store} id={shown.id} telling={telling} pinned={shown.pinned} shown={resized} hands={hands} grab={() => { scroller.current?.focus(); chart.current?.run({ kind: "grab" }); }} />}
      </div>
      <p className="hidden-words" aria-live="polite">
        {held ?? shown?.said ?? ""}
      </p>
      {held !== null && (
        <div className="gantt-held" data-testid="gantt-held">
          <p>{held}</p>
          <Carrying t={t} run={(command) => { chart.current?.run(command); }} />
        </div>
      )}
      <p className="gantt-keys" id={hint}>
        {t("chart.keys_pan")}
        {mayPlan && ` · ${t("chart.keys_plan")}`}
      </p>
    </div>
  );
}

/** Whether any work that is planned needs people or tools beside its machine. */
function isAnythingNeeded({ bars, machines }: PlanStore): boolean {
  return [...bars.values()].some((bar) => bar.planned !== null && needsOf(bar, machines).length > 0);
}

/** The arrow keys as buttons: for fingers, and for whoever cannot drag. */
function Carrying({ t, run }: { t: Telling["t"]; run: (command: Command) => void }): ReactElement {
  const step = (direction: Direction, word: string, sign: string): ReactElement => (
    <button type="button" className="button tool" aria-label={word} title={word} onClick={() => { run({ kind: "carry", direction, far: false }); }}>
      {sign}
    </button>
  );
  return (
    <div className="gantt-carry" role="group" aria-label={t("card.move")}>
      {step("left", t("carry.earlier"), "←")}
      {step("right", t("carry.later"), "→")}
      {step("up", t("carry.up"), "↑")}
      {step("down", t("carry.down"), "↓")}
      <button type="button" className="button" onClick={() => { run({ kind: "put_back" }); }}>
        {t("action.back")}
      </button>
      <button type="button" className="button button-primary" onClick={() => { run({ kind: "drop" }); }} data-testid="carry-drop">
        {t("carry.drop")}
      </button>
    </div>
  );
}

/** "WO-12 · 20: to M-02 at 10:35, 25 min later. Enter puts it there, Esc back". */
function heldWords(telling: Telling, store: PlanStore, held: Held): string {
  const { t, now, zone, machine } = telling;
  const view = store.bars.get(held.id)?.view;
  const minutes = Math.round((held.start - held.from.start) / 60_000);
  return t("chart.held", { what: operationWords(t, view?.work_order, view?.operation), machine: machine(held.machine), time: formatShortMoment(t, held.start, now, zone), shift: minutes === 0 ? t("shift.same") : shiftWords(telling, minutes) });
}

function said({ t, now, zone }: Telling, store: PlanStore, id: number): string {
  const bar = store.bars.get(id);
  const span = bar === undefined ? null : lowerSpan(bar);
  if (bar === undefined) return "";
  return barWords(t, bar, span === null ? t("card.not_planned") : t("card.range", { from: formatShortMoment(t, span.from, now, zone), to: formatShortMoment(t, span.to, now, zone) }));
}
