import type { components } from "../api/openapi.gen.ts";
import { ask } from "../api/problem.ts";
import { query } from "./api.ts";

type Schemas = components["schemas"];
export type Schedule = Schemas["ReportSchedule"];
export type ScheduleFields = Required<Omit<Schemas["ReportSchedulePut"], "version" | "reason">>;
export type Sending = Schemas["ReportSending"];

export async function listSchedules(): Promise<Schemas["ReportScheduleList"]> {
  return (await ask("GET", `/v1/report-schedules${query({ limit: 200 })}`)) as Schemas["ReportScheduleList"];
}

export async function makeSchedule(code: string, fields: ScheduleFields): Promise<Schedule> {
  return (await ask("POST", "/v1/report-schedules", { code, ...fields })) as Schedule;
}

export async function changeSchedule(code: string, version: number, fields: ScheduleFields): Promise<Schedule> {
  return (await ask("PUT", `/v1/report-schedules/${encodeURIComponent(code)}`, { version, ...fields })) as Schedule;
}

export async function dropSchedule(code: string): Promise<unknown> {
  return ask("DELETE", `/v1/report-schedules/${encodeURIComponent(code)}`);
}

/** To the mail address of whoever asks, and to nobody else. */
export async function sendNow(code: string): Promise<Schemas["ReportSent"]> {
  return (await ask("POST", `/v1/report-schedules/${encodeURIComponent(code)}/send`, {})) as Schemas["ReportSent"];
}

export async function listSendings(code: string): Promise<Schemas["ReportSendingList"]> {
  return (await ask("GET", `/v1/report-schedules/${encodeURIComponent(code)}/sendings${query({ limit: 50 })}`)) as Schemas["ReportSendingList"];
}
