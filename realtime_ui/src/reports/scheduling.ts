/** Reports that can be sent, in the order of the management page. */
export const REPORTS = ["overview", "delivery", "delay-causes", "lead-times", "load", "oee", "losses", "scrap", "turns", "forecasts", "service-level"] as const;

/** Addresses that somebody typed or pasted: one per line, or with commas or semicolons between; each once. */
export function addressesOf(text: string): string[] {
  return [...new Set(text.split(/[\s,;，；]+/).filter((each) => each !== ""))];
}

/** `06:30` of a minute of the day. */
export function timeOfMinute(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}

/** The minute of the day; null: it is no time. */
export function minuteOf(time: string): number | null {
  const found = /^(\d{2}):(\d{2})/.exec(time);
  return found === null ? null : Number(found[1]) * 60 + Number(found[2]);
}

/** A code of letters and digits that nothing has yet, from a name in any language. */
export function codeFor(name: string, taken: readonly string[]): string {
  const base = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 40) || "report";
  let code = base;
  for (let next = 2; taken.includes(code); next += 1) code = `${base}-${next}`;
  return code;
}
