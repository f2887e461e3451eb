import type { OrderQuery } from "../api/endpoints.ts";
import type { FindingCode, OrderFilter, OrderSummary } from "../api/types.ts";
import { instantOf } from "./dates.ts";

/** The filters of the order list, as they stand in its address; days are the plant's. */
export interface OrderFilters {
  site?: string;
  state?: string;
  customer?: string;
  search?: string;
  sort?: string;
  open?: string;
  late?: string;
  channel?: string;
  item?: string;
  finding?: string;
  due_from?: string;
  due_until?: string;
}

export const FILTER_NAMES = ["site", "state", "customer", "search", "sort", "open", "late", "channel", "item", "finding", "due_from", "due_until"] as const satisfies readonly (keyof OrderFilters)[];
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** What is no filter of ours, or empty, is left out; so is a day that is none. */
export function filtersOf(values: Readonly<Record<string, unknown>>): OrderFilters {
  const filters: OrderFilters = {};
  for (const name of FILTER_NAMES) {
    const value = values[name];
    const said = typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : "";
    if (said === "" || (name.startsWith("due_") && (!DAY.test(said) || Number.isNaN(Date.parse(said))))) continue;
    filters[name] = said;
  }
  return filters;
}

function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}

/** The same for the API: a range of days becomes the instants at which it begins and ends. */
export function queryOf(filters: OrderFilters, zone: string): Omit<OrderQuery, "limit" | "offset"> {
  const { due_from: from, due_until: until, ...others } = filters;
  return {
    ...others,
    ...(from === undefined ? {} : { due_from: instantOf(`${from}T00:00`, zone) }),
    ...(until === undefined ? {} : { due_until: instantOf(`${dayAfter(until)}T00:00`, zone) }),
  };
}

/** The same as a body: for bulk actions and views. */
export function bodyOf(filters: OrderFilters, zone: string): OrderFilter {
  const { late, open, state, finding, ...others } = queryOf(filters, zone);
  const told = Object.fromEntries(Object.entries(others).filter(([name, value]) => name !== "sort" && value !== undefined));
  return {
    ...told,
    ...(open === undefined ? {} : { open: open === "true" }),
    ...(late === undefined ? {} : { late: late === "true" }),
    ...(state === undefined ? {} : { state: state as OrderSummary["state"] }),
    ...(finding === undefined ? {} : { finding: finding as FindingCode }),
  };
}
