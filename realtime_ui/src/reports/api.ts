import type { components } from "../api/openapi.gen.ts";
import { ask } from "../api/problem.ts";
import type { Report } from "./envelope.ts";
import type { ReportQuery } from "./search.ts";

export function query(values: Readonly<Record<string, string | number | boolean | undefined | null>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== null && value !== "" && value !== false) given.set(name, String(value));
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}

export type FileFormat = "csv" | "xlsx" | "pdf";

/** A report's figures. Rejects with Problem or Unreachable, as all calls here do. */
export async function readReport(name: string, asked: ReportQuery, signal?: AbortSignal): Promise<Report> {
  return (await ask("GET", `/v1/reports/${name}${query({ ...asked })}`, undefined, signal)) as Report;
}

/** Where a report is to be had as a file. */
export function fileAddress(name: string, asked: ReportQuery, format: FileFormat): string {
  return `/v1/reports/${name}/file${query({ ...asked, format })}`;
}

/** An order line behind a bar, as it was known. */
export type LineBehind = components["schemas"]["ReportLine"];
export type LinesBehind = components["schemas"]["ReportLines"];

/** The order lines that a bar of a report is made of. */
export async function readLines(asked: ReportQuery & { report: string; key?: string | undefined; limit: number; cursor?: string | undefined }, signal?: AbortSignal): Promise<LinesBehind> {
  return (await ask("GET", `/v1/reports/lines${query({ ...asked })}`, undefined, signal)) as LinesBehind;
}

/** Set what a figure is to reach from a day on, at a site or everywhere; null: nothing. */
export async function putTarget(target: { code: string; site: string | null; valid_from: string; target: number | null }): Promise<unknown> {
  return ask("PUT", "/v1/reports/targets", { targets: [target] });
}
