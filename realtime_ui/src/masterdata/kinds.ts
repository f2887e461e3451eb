/** The kinds of master data as the screens show them; their words are messages `kind.*` and `field.*`. */

export type FieldType = "text" | "number" | "day" | "clock" | "truth" | "list" | "moment" | "weekdays" | "children";

export interface FieldView {
  name: string;
  type: FieldType;
  /** By it a record is known: it is said once, and never changed. */
  key?: true;
  /** A column of the list. */
  column?: true;
  choices?: readonly string[];
  /** A new record has to say it. */
  required?: true;
}

export interface KindView {
  name: string;
  fields: readonly FieldView[];
}

export interface Group {
  name: string;
  kinds: readonly string[];
}

const text = (name: string, more: Partial<FieldView> = {}): FieldView => ({ name, type: "text", ...more });
const number = (name: string, more: Partial<FieldView> = {}): FieldView => ({ name, type: "number", ...more });
const day = (name: string, more: Partial<FieldView> = {}): FieldView => ({ name, type: "day", ...more });
const key = { key: true, column: true, required: true } as const;
const maybeKey = { key: true, column: true } as const;
const shown = { column: true } as const;
const named = { column: true, required: true } as const;
const address = [text("street"), text("city", shown), text("region"), text("postal_code"), text("country", shown), text("email"), text("phone"), text("currency")];
const validity = [day("valid_from", shown), day("valid_to", shown)];

const KINDS: readonly KindView[] = [
  { name: "sites", fields: [text("code", key), text("name", named), text("time_zone", shown), text("planning_scope", shown)] },
  { name: "areas", fields: [text("site", key), text("code", key), text("name", named), number("position", shown)] },
  { name: "lines", fields: [text("site", key), text("area", key), text("code", key), text("name", named), number("position", shown)] },
  { name: "machines", fields: [text("path", key), text("name", named), number("position", shown), { name: "capabilities", type: "list", ...shown }, number("batch_capacity"), { name: "needs", type: "list" }] },
  { name: "setups", fields: [text("machine", key), text("from_family", key), text("to_family", key), number("setup_ms", named)] },
  { name: "shift_patterns", fields: [text("code", key), text("name", named), number("rotation_weeks", shown), day("first_day"), ...validity, { name: "shifts", type: "children", ...shown }] },
  { name: "shift_plans", fields: [text("at", key), text("pattern", named), day("valid_from", maybeKey), day("valid_to", shown)] },
  { name: "special_days", fields: [text("at", key), day("day", key), day("last_day", shown), { name: "start", type: "clock", ...maybeKey }, { name: "end", type: "clock", ...shown }, { name: "working", type: "truth", ...shown }, text("reason", named)] },
  { name: "resources", fields: [text("site", key), text("code", key), text("name", named), text("kind", { ...named, choices: ["operator", "tool"] }), number("quantity", shown), { name: "skills", type: "list", ...shown }, text("place", shown), text("pattern", shown)] },
  { name: "calendars", fields: [text("site", key), text("machine", maybeKey), { name: "shifts", type: "children", ...shown }] },
  { name: "calendar_exceptions", fields: [text("site", key), text("machine", maybeKey), { name: "starts_at", type: "moment", ...key }, { name: "ends_at", type: "moment", ...key }, { name: "working", type: "truth", ...shown }, text("reason", named)] },
  { name: "items", fields: [text("code", key), text("name", named), text("unit", shown), text("kind", { column: true, choices: ["made", "bought", "both"] }), text("family", shown), text("setup_family"), text("description"), text("gtin"), number("weight_kg"), number("lot_size"), number("batch_min"), number("batch_max")] },
  { name: "item_sites", fields: [text("item", key), text("site", key), text("source", { ...named, choices: ["make", "buy"] }), number("min_stock", shown), number("max_stock", shown), number("reorder_point", shown), number("order_multiple"), text("supplier", shown), number("supplier_lead_days"), number("safety_days")] },
  { name: "bills", fields: [text("item", key), text("site", maybeKey), text("version", key), ...validity, { name: "lines", type: "children", ...shown }] },
  { name: "routings", fields: [text("item", key), text("site", key), text("version", key), ...validity, { name: "steps", type: "children", ...shown }] },
  { name: "item_names", fields: [text("item", named), text("customer", maybeKey), text("scheme", key), text("value", key)] },
  { name: "customers", fields: [text("code", key), text("name", named), ...address, text("default_site", shown), number("over_percent"), number("under_percent")] },
  { name: "suppliers", fields: [text("code", key), text("name", named), ...address, number("lead_days", shown)] },
  { name: "customer_names", fields: [text("customer", named), text("scheme", key), text("value", key)] },
  { name: "price_rules", fields: [text("item", maybeKey), text("family", maybeKey), text("customer", maybeKey), text("currency", key), number("from_quantity", maybeKey), number("price", named), number("price_basis", shown), day("valid_from", maybeKey), day("valid_to", shown), number("tolerance_percent")] },
  { name: "lead_time_rules", fields: [text("item", maybeKey), text("family", maybeKey), text("site", maybeKey), number("days", named), number("units_per_day", shown)] },
  { name: "transport_times", fields: [text("from_site", key), text("to_site", key), number("hours", named)] },
  { name: "shipping_zones", fields: [text("site", key), text("country", key), text("postal_prefix", maybeKey), text("zone", named), number("days", named)] },
];

export const GROUPS: readonly Group[] = [
  { name: "items", kinds: ["items", "bills", "routings", "item_sites", "item_names"] },
  { name: "partners", kinds: ["customers", "suppliers", "customer_names"] },
  { name: "rules", kinds: ["price_rules", "lead_time_rules", "transport_times", "shipping_zones"] },
  { name: "places", kinds: ["sites", "areas", "lines", "machines", "setups", "resources"] },
  { name: "times", kinds: ["shift_patterns", "shift_plans", "special_days", "calendars", "calendar_exceptions"] },
];

const BY_NAME: ReadonlyMap<string, KindView> = new Map(KINDS.map((kind) => [kind.name, kind]));

/** A kind by its name; items if there is none. */
export function kindOf(name: string | undefined): KindView {
  const found = BY_NAME.get(name ?? "items") ?? BY_NAME.get("items");
  if (found === undefined) throw new Error("items are a kind of master data");
  return found;
}

/** A record as the API has it. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether something is effective on a day, as bills, routings, prices and patterns are. */
export function effectiveOn(record: Fields, today: string): "past" | "now" | "coming" | null {
  if (!("valid_from" in record)) return null;
  const [from, to] = [record["valid_from"], record["valid_to"]];
  if (typeof from === "string" && from > today) return "coming";
  if (typeof to === "string" && to < today) return "past";
  return "now";
}

export interface MasterSearch {
  kind?: string;
  search?: string;
  site?: string;
  page?: number;
  /** A screen beside the lists. */
  view?: "import";
}

/** What the address says. */
export function masterSearchOf(search: Record<string, unknown>): MasterSearch {
  const said = (name: string): string | undefined => {
    const value = search[name];
    return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
  };
  const kind = said("kind");
  const words = said("search");
  const site = said("site");
  const page = Number(search["page"]);
  return {
    ...(kind !== undefined && BY_NAME.has(kind) ? { kind } : {}),
    ...(words === undefined ? {} : { search: words }),
    ...(site === undefined ? {} : { site }),
    ...(Number.isSafeInteger(page) && page > 0 ? { page } : {}),
    ...(search["view"] === "import" ? { view: "import" } : {}),
  };
}

/** What a record is known by, in a line. */
export function keyText(key: Fields): string {
  return Object.values(key)
    .filter((part): part is string | number => (typeof part === "string" && part !== "") || typeof part === "number")
    .map(String)
    .join(" / ");
}
