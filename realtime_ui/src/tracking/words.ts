import type { CommonMessages, TrackingMessages } from "../i18n/messages.gen.ts";
import { createTranslator, wordOf, type Language, type Translator } from "../i18n/translator.ts";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import type { TrackingView } from "../api/types.ts";

export type TrackingTranslator = Translator<CommonMessages & TrackingMessages>;

const loaders = {
  en: () => Promise.all([import("../../messages/en/common.json"), import("../../messages/en/tracking.json")]),
  "zh-CN": () => Promise.all([import("../../messages/zh-CN/common.json"), import("../../messages/zh-CN/tracking.json")]),
};

/** The words of the customer's page in a language. */
export async function loadTrackingWords(language: Language): Promise<TrackingTranslator> {
  const [common, own] = await loaders[language]();
  return createTranslator(language, { ...common.default, ...own.default });
}

/** The whole state of the order in one sentence. */
export function sentence(t: TrackingTranslator, view: TrackingView): string {
  const figures = {
    good: formatNumber(view.good_pieces, t.language),
    total: formatNumber(view.quantity_ordered, t.language),
    unit: formatUnit(t, view.unit, view.quantity_ordered),
  };
  if (view.stage === "in_production") return t("sentence.in_production", figures);
  const key = `sentence.${view.stage}`;
  return t.has(key) ? wordOf(t, "sentence", view.stage) : t("sentence.other", { stage: wordOf(t, "stage", view.stage) });
}

export interface Stage {
  stage: string;
  state: "done" | "current" | "ahead";
  at: number | null;
}

/** The stages of a view with their times. */
export function stagesOf(view: TrackingView): Stage[] {
  return view.stages.map(({ stage, state, at }) => ({ stage, state, at: timeOf(at) }));
}

export interface Change {
  at: number;
  text: string;
  details: string[];
}

interface LineChange {
  line?: unknown;
  field?: unknown;
  from?: unknown;
  to?: unknown;
}

/** What changed, newest first, in words. */
export function changesOf(t: TrackingTranslator, view: TrackingView, now: number): Change[] {
  return view.changes.flatMap((entry) => {
    const at = timeOf(entry.at);
    if (at === null) return [];
    const told = entry.detail?.["lines"];
    const lines = Array.isArray(told) ? (told as LineChange[]) : [];
    return [{ at, text: wordOf(t, "change", entry.what), details: lines.map((line) => lineChange(t, line, view, now)).filter((text) => text !== "") }];
  });
}

function lineChange(t: TrackingTranslator, change: LineChange, view: TrackingView, now: number): string {
  const said = (value: unknown): string => {
    if (change.field === "due_at") {
      const at = timeOf(typeof value === "string" ? value : null);
      return at === null ? "–" : formatMoment(t, at, now, view.time_zone);
    }
    const quantity = Number(value);
    return value === null || value === undefined || Number.isNaN(quantity) ? "–" : `${formatNumber(quantity, t.language)} ${formatUnit(t, view.unit, quantity)}`;
  };
  if (change.field === "due_at") return t("change.due_from_to", { from: said(change.from), to: said(change.to) });
  if (change.field === "quantity") return t("change.quantity_from_to", { from: said(change.from), to: said(change.to) });
  return "";
}
