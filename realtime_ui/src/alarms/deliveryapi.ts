import type { components, operations } from "../api/openapi.gen.ts";
import { ask } from "../api/problem.ts";

type Told = components["schemas"];
export type NotificationWay = Told["NotificationWay"];
export type WayKind = Told["NotificationWayKind"];
export type WayPut = Told["NotificationWayPut"];
export type Tested = Told["NotificationTested"];
export type Template = Told["NotificationTemplate"];
export type TemplateWords = Told["NotificationWords"];
export type Previewed = Told["NotificationPreviewed"];
export type Letter = Told["Notification"];
export type BadAddress = Told["BadAddress"];
export type Language = Template["language"];

type Answer<Name extends keyof operations> = operations[Name]["responses"] extends { 200: { content: { "application/json": infer Body } } } ? Body : null;

async function call<Name extends keyof operations>(_name: Name, method: string, path: string, body?: unknown): Promise<Answer<Name>> {
  return (await ask(method, path, body)) as Answer<Name>;
}

function query(values: Record<string, string | number | undefined>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== "") given.set(name, String(value));
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}

const part = encodeURIComponent;

export interface LetterQuery {
  state?: string | undefined;
  recipient?: string | undefined;
  limit: number;
  offset: number;
}

/** How long a test waits for the provider's answer. */
const TEST_S = 15;

/** The calls of what delivers messages. All reject with Problem or Unreachable. */
export const delivery = {
  ways: () => call("listNotificationWays", "GET", "/v1/notification-ways"),
  kinds: () => call("getNotificationWaySchema", "GET", "/v1/notification-ways/schema"),
  putWay: (code: string, way: WayPut) => call("putNotificationWay", "PUT", `/v1/notification-ways/${part(code)}`, way),
  deleteWay: (code: string) => call("deleteNotificationWay", "DELETE", `/v1/notification-ways/${part(code)}`),
  test: (code: string, address: string, language: Language) => call("testNotificationWay", "POST", `/v1/notification-ways/${part(code)}/test${query({ wait_s: TEST_S })}`, { address, language }),
  templates: () => call("listNotificationTemplates", "GET", "/v1/notification-templates"),
  putTemplate: (name: string, language: Language, words: TemplateWords | null, version: number, reason: string) => call("putNotificationTemplate", "PUT", `/v1/notification-templates/${part(name)}/${language}`, { words, version, ...(reason === "" ? {} : { reason }) }),
  preview: (name: string, language: Language, words: TemplateWords) => call("previewNotificationTemplate", "POST", `/v1/notification-templates/${part(name)}/${language}/preview`, { words }),
  letters: (wanted: LetterQuery) => call("listNotifications", "GET", `/v1/notifications${query({ ...wanted })}`),
  retry: (message: string) => call("retryNotification", "POST", `/v1/notifications/${message}/retry`, {}),
  badAddresses: () => call("listBadAddresses", "GET", `/v1/notification-addresses${query({ limit: 100, offset: 0 })}`),
  release: (channel: BadAddress["channel"], address: string) => call("releaseBadAddress", "POST", "/v1/notification-addresses/release", { channel, address }),
};
