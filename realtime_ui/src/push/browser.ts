/** Notifications in this browser: what the browser itself can do, for staff and for customers' pages. */

const WORKER = "/push-worker.js";

/** What the API is told of a browser. */
export interface Subscribed {
  endpoint: string;
  keys: { p256dh: string; auth: string };
}

/** Somebody said no, here or in the browser's settings. */
export class Denied extends Error {
  override readonly name = "Denied";
}

/** Whether this browser can be told at all: the page has to be secure, and a push service be there. */
export function canBeTold(): boolean {
  return "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
}

/** Whether somebody has said no: only the browser's settings can change that. */
export function isDenied(): boolean {
  return Notification.permission === "denied";
}

async function subscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** By what the API knows this browser (SHA-256 of its address); null: it is not subscribed. */
export async function fingerprint(): Promise<string | null> {
  const found = await subscription();
  if (found === null) return null;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(found.endpoint));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Ask for leave and subscribe. Rejects with Denied, or with what the browser says against it. */
export async function subscribe(publicKey: string): Promise<Subscribed> {
  if ((await Notification.requestPermission()) !== "granted") throw new Denied("notifications are not allowed");
  await navigator.serviceWorker.register(WORKER, { scope: "/" });
  const registration = await navigator.serviceWorker.ready;
  const found = await registration.pushManager.getSubscription();
  // One for another key of the installation can never be sent to again.
  if (found !== null && !isFor(found, publicKey)) await found.unsubscribe();
  const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
  const { endpoint, keys } = made.toJSON();
  if (endpoint === undefined || keys?.["p256dh"] === undefined || keys["auth"] === undefined) throw new TypeError("the browser names no address or keys");
  return { endpoint, keys: { p256dh: keys["p256dh"], auth: keys["auth"] } };
}

/** Be told no more, whoever still sends. */
export async function unsubscribe(): Promise<void> {
  await (await subscription())?.unsubscribe();
}

function isFor(found: PushSubscription, publicKey: string): boolean {
  const key = found.options.applicationServerKey;
  if (key === null) return false;
  const text = btoa(String.fromCharCode(...new Uint8Array(key)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") === publicKey;
}
