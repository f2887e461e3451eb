export const TABS = ["items", "lots", "movements", "reservations", "shortages", "replenishment"] as const;
export type Tab = (typeof TABS)[number];

/** What the stock screen shows, as it stands in its address. */
export interface StockSearch {
  tab?: Tab;
  site?: string;
  item?: string;
  lot?: string;
  as_of?: string;
  page?: number;
}

/** What is no filter of ours, or empty, is left out. */
export function stockSearchOf(values: Readonly<Record<string, unknown>>): StockSearch {
  const search: StockSearch = {};
  const tab = TABS.find((each) => each === values["tab"]);
  if (tab !== undefined && tab !== "items") search.tab = tab;
  for (const name of ["site", "item", "lot", "as_of"] as const) {
    const value = values[name];
    const said = typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
    if (said !== "" && (name !== "as_of" || !Number.isNaN(Date.parse(said)))) search[name] = said;
  }
  const page = Number(values["page"]);
  if (Number.isSafeInteger(page) && page > 0) search.page = page;
  return search;
}
