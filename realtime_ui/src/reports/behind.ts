/** Reports whose bars have order lines behind them. */
export const OF_ORDERS = ["delivery", "lead-times", "delay-causes", "forecasts"] as const;
export type OfOrders = (typeof OF_ORDERS)[number];
/** The others have machines' stretches behind them. */
const LOOKED = [...OF_ORDERS, "losses"] as const;
export type Looked = (typeof LOOKED)[number];

/** One bar or point that is looked behind, as it stands in the address. */
export interface Behind {
  report: Looked;
  /** What the chart was cut by; empty: by time. */
  by: string;
  /** The bar's key, which may be empty; of a point the first day and the last, with `..` between. */
  key: string;
}

export function behindText(behind: Behind): string {
  return `${behind.report}:${behind.by}:${behind.key}`;
}

/** Null: there is nothing of that kind to look behind. */
export function behindOf(text: string | undefined): Behind | null {
  const [name, by, ...rest] = (text ?? "").split(":");
  const report = LOOKED.find((each) => each === name);
  const key = rest.join(":");
  return report === undefined || by === undefined || (by === "" && key === "") ? null : { report, by, key };
}

/** The days of a point; null: it is a bar. */
export function slotOf(behind: Behind): { from: string; to: string } | null {
  const found = /^(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})$/.exec(behind.key);
  return behind.by !== "" || found?.[1] === undefined || found[2] === undefined ? null : { from: found[1], to: found[2] };
}

/** What time was lost to: `delay:material_jam` is a class of time and a reason, which may be empty. */
export function lossOf(key: string): { time_class: string; reason: string } {
  const place = key.indexOf(":");
  return place < 0 ? { time_class: key, reason: "" } : { time_class: key.slice(0, place), reason: key.slice(place + 1) };
}
