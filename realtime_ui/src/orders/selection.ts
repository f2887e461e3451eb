/** Which orders are chosen, where the cursor stands, and where a range began. */
export interface Selection {
  readonly chosen: ReadonlySet<string>;
  /** All that match the filters are meant, also those that were never loaded. */
  readonly all: boolean;
  readonly cursor: number | null;
  readonly anchor: number | null;
}

export const NOTHING: Selection = { chosen: new Set(), all: false, cursor: null, anchor: null };

/** Knows the order at a place of the list, if it has been loaded. */
export type NumberAt = (index: number) => string | undefined;

/** Choose an order, or do not choose it any more. */
export function toggle(selection: Selection, index: number, at: NumberAt): Selection {
  const number = at(index);
  if (number === undefined) return selection;
  const chosen = new Set(selection.chosen);
  if (!chosen.delete(number)) chosen.add(number);
  return { chosen, all: false, cursor: index, anchor: index };
}

/** Choose everything from where the last choice was made to here. */
export function extend(selection: Selection, index: number, at: NumberAt): Selection {
  const anchor = selection.anchor ?? selection.cursor ?? index;
  const chosen = new Set(selection.chosen);
  for (let place = Math.min(anchor, index); place <= Math.max(anchor, index); place += 1) {
    const number = at(place);
    if (number !== undefined) chosen.add(number);
  }
  return { chosen, all: false, cursor: index, anchor };
}

interface Press {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
}

/** What a key does to the selection; null: it is none of ours. */
export function pressed(selection: Selection, press: Press, count: number, at: NumberAt): Selection | null {
  if (count === 0) return null;
  const cursor = selection.cursor;
  const last = count - 1;
  const go = (index: number): Selection => (press.shiftKey ? extend(selection, index, at) : { ...selection, cursor: index, anchor: index });
  const step = (by: number): Selection => go(cursor === null ? 0 : Math.min(last, Math.max(0, cursor + by)));
  switch (press.key) {
    case "ArrowDown":
    case "j":
      return step(1);
    case "ArrowUp":
    case "k":
      return step(-1);
    case "PageDown":
      return step(10);
    case "PageUp":
      return step(-10);
    case "Home":
      return go(0);
    case "End":
      return go(last);
    case " ":
    case "x":
      return cursor === null ? null : press.shiftKey ? extend(selection, cursor, at) : toggle(selection, cursor, at);
    case "a":
      return press.ctrlKey || press.metaKey ? { ...selection, chosen: new Set(), all: true } : null;
    case "Escape":
      return selection.all || selection.chosen.size > 0 ? { ...NOTHING, cursor } : null;
    default:
      return null;
  }
}
