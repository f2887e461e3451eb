import type { CommonMessages, TrackingMessages } from "../i18n/messages.gen.ts";
import { createTranslator, wordOf, type Language, type Translator } from "../i18n/translator.ts";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import type { DeliveryView, TrackingView } from "../api/types.ts";

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
    return [{ at, text: wordOf(t, "change", entry.what), details: detailsOf(t, entry, view, now).filter((text) => text !== "") }];
  });
}

function detailsOf(t: TrackingTranslator, entry: TrackingView["changes"][number], view: TrackingView, now: number): string[] {
  const detail: Record<string, unknown> = entry.detail ?? {};
  if (entry.what === "expected_moved") {
    const moment = (value: unknown): string | null => {
      const at = timeOf(typeof value === "string" ? value : null);
      return at === null ? null : formatMoment(t, at, now, view.time_zone);
    };
    const to = moment(detail["to"]);
    return to === null ? [] : [t("change.expected_from_to", { from: moment(detail["from"]) ?? "–", to })];
  }
  const quantity = detail["quantity"];
  if ((entry.what === "packed" || entry.what === "shipped") && quantity !== undefined && quantity !== null) {
    return [t("change.pieces", { quantity: formatNumber(Number(quantity), t.language), unit: formatUnit(t, view.unit, Number(quantity)) })];
  }
  const lines = detail["lines"];
  return Array.isArray(lines) ? (lines as LineChange[]).map((line) => lineChange(t, line, view, now)) : [];
}

/** What a delivery holds by now: what left the plant, else what is packed, else what was picked. */
export function deliveredQuantity(delivery: Pick<DeliveryView, "picked" | "packed" | "shipped">): number {
  return delivery.shipped > 0 ? delivery.shipped : delivery.packed > 0 ? delivery.packed : delivery.picked;
}

/** When a delivery came to where it is. */
export function deliveryAt(delivery: DeliveryView): number | null {
  return timeOf(delivery.delivered_at ?? delivery.shipped_at ?? delivery.packed_at ?? delivery.picking);
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
