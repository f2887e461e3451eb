export const STATES = ["made", "sent", "taken", "failed", "given_up"] as const;
export type State = (typeof STATES)[number];
export const KINDS = ["order_answer", "ship_notice", "production"] as const;
export type Kind = (typeof KINDS)[number];

/** Which documents the screen shows, as it stands in its address. */
export interface OutboundSearch {
  state?: State;
  kind?: Kind;
  search?: string;
  page?: number;
}

/** What is no filter of ours, or empty, is left out. */
export function outboundSearchOf(values: Readonly<Record<string, unknown>>): OutboundSearch {
  const found: OutboundSearch = {};
  const state = STATES.find((each) => each === values["state"]);
  if (state !== undefined) found.state = state;
  const kind = KINDS.find((each) => each === values["kind"]);
  if (kind !== undefined) found.kind = kind;
  const search = typeof values["search"] === "number" ? String(values["search"]) : values["search"];
  if (typeof search === "string" && search.trim() !== "") found.search = search;
  const page = Number(values["page"]);
  if (Number.isSafeInteger(page) && page > 0) found.page = page;
  return found;
}
