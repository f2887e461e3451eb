export interface Difference {
  path: string;
  before: string | null;
  after: string | null;
}

function flat(value: unknown, path: string, found: Map<string, string>): Map<string, string> {
  if (Array.isArray(value) && value.every((each) => typeof each !== "object" || each === null)) {
    found.set(path, value.map(String).join(", "));
  } else if (typeof value === "object" && value !== null) {
    for (const [name, each] of Object.entries(value)) flat(each, path === "" ? name : `${path}.${Array.isArray(value) ? String(Number(name) + 1) : name}`, found);
  } else {
    found.set(path, value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));
  }
  return found;
}

/** What two versions of a definition say differently, field by field. */
export function differencesOf(before: unknown, after: unknown): readonly Difference[] {
  const [left, right] = [flat(before ?? {}, "", new Map()), flat(after ?? {}, "", new Map())];
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((path) => left.get(path) !== right.get(path))
    .map((path) => ({ path, before: left.get(path) ?? null, after: right.get(path) ?? null }));
}
