import type { Bar } from "./bars.ts";
import { lowerSpan } from "./bars.ts";
import { AXIS_HEIGHT, LOWER_LANE, ROW_HEIGHT } from "./layout.ts";
import { xOf } from "./scale.ts";
import type { Scene } from "./scene.ts";

const GAP = 8;
const EDGE = 12;

/** Which bars somebody looks at, by operation: under the pointer, under the keyboard, or chosen. */
export class Attention {
  hovered: number | null = null;
  focused: number | null = null;
  chosen: number | null = null;
  #told: { id: number | null; pinned: boolean } = { id: null, pinned: false };

  /** The bar that the keyboard is on, or that was chosen. */
  get asked(): number | null {
    return this.focused ?? this.chosen;
  }

  leave(): void {
    this.focused = this.chosen = null;
  }

  /** The bar to tell of, and whether it stays so when the pointer moves on; `is` says which there are. */
  known(is: (id: number) => boolean): { id: number | null; pinned: boolean } {
    const id = [this.hovered, this.focused, this.chosen].find((each) => each !== null && is(each)) ?? null;
    return { id, pinned: id !== null && id !== this.hovered };
  }

  /** Whether that is something else than was told last. */
  isNews(known: { id: number | null; pinned: boolean }): boolean {
    if (known.id === this.#told.id && known.pinned === this.#told.pinned) return false;
    this.#told = known;
    return true;
  }
}

/** Where the card of a bar has its upper left corner: below the bar, or above it where there is no room. */
export function besideBar(scene: Scene, bar: Bar, card: { width: number; height: number }): { x: number; y: number } | null {
  const span = lowerSpan(bar);
  const place = scene.layout.places.get(bar.id);
  if (span === null || place === undefined) return null;
  const left = scene.labels + Math.max(0, xOf(scene.view, span.from));
  const top = AXIS_HEIGHT + place.top - scene.top + LOWER_LANE.top + LOWER_LANE.height;
  const below = top + GAP + card.height <= scene.height;
  return {
    x: Math.max(scene.labels, Math.min(left, scene.width - card.width - EDGE)),
    y: below ? top + GAP : Math.max(AXIS_HEIGHT, top - ROW_HEIGHT - card.height + GAP),
  };
}
