import type { components } from "../api/openapi.gen.ts";

type Schemas = components["schemas"];

/** What every report answers: lists that are empty are there, too. */
export type Report = Schemas["Report"] & Required<Pick<Schemas["Report"], "rows" | "series" | "notes">>;
/** A figure: a number (of a percentage the ratio, of times milliseconds), or why there is none. */
export type Figure = Schemas["Figure"];
/** What a figure means: shown beside it. */
export type Definition = Schemas["ReportDefinition"];
export type Better = Definition["better"];
export type Row = Schemas["ReportRow"];
/** The figures of one of the period's days, weeks or months; its plant's days, both included. */
export type Slot = Schemas["ReportPoint"];
export type Figures = Row["figures"];

export const GRAINS = ["day", "week", "month"] as const;
export type Grain = (typeof GRAINS)[number];
