import { ask } from "../api/problem.ts";
import type { Contact, ContactWish } from "../api/types.ts";

/** What a form says of somebody; an existing contact keeps channel, address and order. */
export interface Said extends ContactWish {
  name: string;
  channel: "email" | "sms";
  address: string;
  order: string;
  agreed: boolean;
}

/** Where contacts are kept: at a customer's record, or with one's own orders. */
export interface ContactSource {
  key: readonly string[];
  own: boolean;
  list: () => Promise<{ items: Contact[] }>;
  add: (said: Said) => Promise<unknown>;
  change: (contact: Contact, said: Said) => Promise<unknown>;
  remove: (contact: Contact) => Promise<unknown>;
}

const wishes = ({ language, tolerance_minutes, counted, quiet, time_zone }: ContactWish): ContactWish => ({ language, tolerance_minutes, counted, quiet, time_zone });

function source(key: readonly string[], own: boolean, many: string, one: string): ContactSource {
  return {
    key,
    own,
    list: async () => (await ask("GET", many)) as { items: Contact[] },
    add: ({ name, channel, address, order, agreed, ...wish }) =>
      ask("POST", many, { ...wishes(wish), name, channel, address, order: order.trim() === "" ? null : order.trim(), ...(own ? {} : { agreed }) }),
    change: (contact, { name, ...wish }) => ask("PUT", `${one}/${contact.id}`, { ...wishes(wish), name, version: contact.version }),
    remove: (contact) => ask("DELETE", `${one}/${contact.id}`),
  };
}

/** The contacts of a customer, for staff. */
export function customerContacts(code: string): ContactSource {
  return source(["contacts", code], false, `/v1/customers/${encodeURIComponent(code)}/contacts`, "/v1/contacts");
}

/** One's own people's. */
export const ownContacts: ContactSource = source(["own-contacts"], true, "/v1/own/contacts", "/v1/own/contacts");
