import type { components, operations } from "../api/openapi.gen.ts";
import { ask, problemOf, Unreachable } from "../api/problem.ts";
import type { Fields } from "./kinds.ts";
import { zipped } from "./zip.ts";

type Schemas = components["schemas"];
export type Outcome = Schemas["ImportOutcome"];
export type Change = Schemas["ImportChange"];
export type Fault = Schemas["ImportFault"];
export type RecordShown = Schemas["RecordShown"];
export type RecordList = Schemas["RecordList"];
export type ItemDetails = operations["getItem"]["responses"]["200"]["content"]["application/json"];
export type WorkedDays = Schemas["WorkedDays"];

export interface RecordQuery {
  kind: string;
  search?: string | undefined;
  site?: string | undefined;
  limit: number;
  offset: number;
}

function query(values: Record<string, string | number | boolean | undefined>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== "" && value !== false) given.set(name, String(value));
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}

/** Records of a kind. */
export async function listRecords(wanted: RecordQuery): Promise<RecordList> {
  return (await ask("GET", `/v1/master-data/records${query({ ...wanted })}`)) as RecordList;
}

/** An item with everything that is told of it. */
export async function readItem(code: string): Promise<ItemDetails> {
  return (await ask("GET", `/v1/items/${encodeURIComponent(code)}`)) as ItemDetails;
}

/** When a place works from a day on, for two weeks. */
export async function readWorkedDays(at: string, from: string): Promise<WorkedDays> {
  const site = at.split("/", 1)[0] ?? at;
  return (await ask("GET", `/v1/sites/${encodeURIComponent(site)}/shifts${query({ at, from })}`)) as WorkedDays;
}

/** Where some kinds, or all, are to be had as a file. */
export function exportAddress(format: "yaml" | "csv-zip", kinds?: string): string {
  return `/v1/master-data${query({ format, kinds })}`;
}

/** One record made, changed in the fields that are named, or given up. */
export async function saveRecord(kind: string, fields: Fields, options: { reason?: string; remove?: boolean } = {}): Promise<Outcome> {
  return (await ask("POST", `/v1/master-data${query({ reason: options.reason, remove: options.remove })}`, { [kind]: [fields] })) as Outcome;
}

export interface ImportOptions {
  dry_run: boolean;
  remove_missing: boolean;
  reason?: string;
}

const TYPES: Record<string, string> = { yaml: "application/yaml", yml: "application/yaml", json: "application/json", zip: "application/zip" };

/** Some files taken in together: all of them, or nothing. Rejects with Problem or Unreachable. */
export async function importFiles(files: readonly File[], options: ImportOptions): Promise<Outcome> {
  const [first] = files;
  const alone = files.length === 1 && first !== undefined ? TYPES[first.name.split(".").pop()?.toLowerCase() ?? ""] : undefined;
  const body = alone !== undefined && first !== undefined ? first : zipped(await Promise.all(files.map(async (file) => ({ name: file.name, content: new Uint8Array(await file.arrayBuffer()) }))));
  const named = alone !== undefined && first !== undefined ? first.name.slice(0, 100) : undefined;
  let response: Response;
  try {
    response = await fetch(`/v1/master-data${query({ ...options, reason: options.reason, file: named })}`, {
      method: "POST",
      credentials: "same-origin",
      headers: { accept: "application/json", "content-type": alone ?? "application/zip" },
      body,
    });
  } catch (error) {
    throw new Unreachable("the server cannot be reached", { cause: error });
  }
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as Outcome;
}
