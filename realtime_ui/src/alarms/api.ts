import type { components, operations } from "../api/openapi.gen.ts";
import { ask } from "../api/problem.ts";

type Schemas = components["schemas"];
export type Alarm = Schemas["Alarm"];
export type AlarmDetails = Schemas["AlarmWithMessages"];
export type AlarmMessage = Schemas["AlarmMessage"];
export type AlarmStep = Schemas["AlarmStep"];
export type AlarmEntry = Schemas["AlarmEntry"];
export type AlarmEvent = Schemas["AlarmEvent"];
export type AlarmPriority = Schemas["AlarmPriority"];
export type AlarmState = Schemas["AlarmState"];
export type AlarmRates = Schemas["AlarmRates"];
export type Acknowledged = Schemas["AlarmsAcknowledged"];
export type SubjectKind = Schemas["SubjectKind"];
export type DefinitionKind = Schemas["AlarmDefinitionKind"];
export type Definition = Schemas["AlarmDefinition"];
export type DefinitionWithVersions = Schemas["AlarmDefinitionWithVersions"];
export type DefinitionVersion = Schemas["AlarmDefinitionVersion"];
export type DefinitionImport = Schemas["AlarmDefinitionImport"];
export type DefinitionFault = Schemas["AlarmDefinitionFault"];
export type Trialled = Schemas["AlarmTrialled"];
export type Turn = Schemas["RotaTurn"];

/** A definition as plain values. */
export type Body = Readonly<Record<string, unknown>>;

/** What a call answers when it succeeds. */
type Answer<Name extends keyof operations> = operations[Name]["responses"] extends { 200: { content: { "application/json": infer Told } } } ? Told : never;

type Value = string | number | boolean | undefined | readonly string[];

function query(values: Record<string, Value>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === "" || value === false) continue;
    for (const each of Array.isArray(value) ? (value as readonly string[]) : [value as string | number | boolean]) given.append(name, String(each));
  }
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}

async function call<Name extends keyof operations>(_name: Name, method: string, path: string, body?: unknown): Promise<Answer<Name>> {
  return (await ask(method, path, body)) as Answer<Name>;
}

export interface AlarmQuery {
  site?: string | undefined;
  state?: readonly AlarmState[] | undefined;
  priority?: readonly AlarmPriority[] | undefined;
  rule?: string | undefined;
  subject?: string | undefined;
  assigned_to?: string | undefined;
  search?: string | undefined;
  limit: number;
  offset: number;
}

export interface HistoryQuery {
  alarm?: number | undefined;
  site?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  event?: string | undefined;
  priority?: readonly AlarmPriority[] | undefined;
  rule?: string | undefined;
  search?: string | undefined;
  limit: number;
  offset: number;
}

/** What an alarm can be told by its address alone, for a reason. */
export type Verb = "unshelve" | "reset" | "remove" | "return";

const reasonOrNone = (reason: string): { reason?: string } => (reason === "" ? {} : { reason });
const part = encodeURIComponent;

/** The calls of `/v1/alarms` and `/v1/alarm-definitions`. All reject with Problem or Unreachable. */
export const alarmApi = {
  list: (wanted: AlarmQuery) => call("listAlarms", "GET", `/v1/alarms${query({ ...wanted })}`),
  one: (id: number) => call("getAlarm", "GET", `/v1/alarms/${id}`),
  history: (wanted: HistoryQuery) => call("listAlarmHistory", "GET", `/v1/alarms/history${query({ ...wanted })}`),
  rates: (wanted: { site?: string | undefined; from: string; to: string; operators: number }) => call("getAlarmRates", "GET", `/v1/alarms/rates${query({ ...wanted })}`),
  acknowledge: (alarms: readonly { id: number; occurrence: number }[], reason: string) => call("acknowledgeAlarms", "POST", "/v1/alarms/acknowledge", { alarms: alarms.map(({ id, occurrence }) => ({ id, occurrence })), ...reasonOrNone(reason) }),
  shelve: (id: number, minutes: number, reason: string) => call("shelveAlarm", "POST", `/v1/alarms/${id}/shelve`, { minutes, reason }),
  assign: (id: number, to: string | null) => call("assignAlarm", "POST", `/v1/alarms/${id}/assign`, { to }),
  tell: (id: number, verb: Verb, reason: string) => call("resetAlarm", "POST", `/v1/alarms/${id}/${verb}`, reasonOrNone(reason)),

  schema: () => call("getAlarmDefinitionSchema", "GET", "/v1/alarm-definitions/schema"),
  definitions: (kind: DefinitionKind, retired: boolean) => call("listAlarmDefinitions", "GET", `/v1/alarm-definitions/${kind}${query({ retired })}`),
  definition: (kind: DefinitionKind, code: string) => call("getAlarmDefinition", "GET", `/v1/alarm-definitions/${kind}/${part(code)}`),
  put: (kind: DefinitionKind, code: string, body: Body, version: number | null, reason: string) => call("putAlarmDefinition", "PUT", `/v1/alarm-definitions/${kind}/${part(code)}`, { body, ...(version === null ? {} : { version }), ...reasonOrNone(reason) }),
  retire: (kind: DefinitionKind, code: string, reason: string) => call("retireAlarmDefinition", "DELETE", `/v1/alarm-definitions/${kind}/${part(code)}${query({ reason })}`),
  take: (text: Blob, options: { file: string; dry_run: boolean; reason?: string }) => call("importAlarmDefinitions", "POST", `/v1/alarm-definitions/import${query(options)}`, text),
  exportAddress: "/v1/alarm-definitions/export",
  tryRule: (rule: Body, start: string, end: string) => call("tryAlarmRule", "POST", "/v1/alarm-definitions/rules/preview", { rule, start, end }),
  turns: (rota: Body, start: string, end: string) => call("listRotaTurns", "POST", "/v1/alarm-definitions/rotas/turns", { rota, start, end }),
};
