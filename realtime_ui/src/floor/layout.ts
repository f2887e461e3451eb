import type { MachineTile } from "../api/types.ts";

/** The machines of a line, in floor order. */
export interface Line {
  key: string;
  area: string;
  line: string;
  machines: readonly string[];
}

type Place = Pick<MachineTile, "machine" | "area" | "line" | "position">;

function compare(left: string, right: string): number {
  return left.localeCompare(right, "en", { numeric: true });
}

/** Where a line stands on the floor: its first place that somebody set; without one, last. */
function placeOf(members: readonly Place[]): number {
  return Math.min(...members.map((place) => (place.position > 0 ? place.position : Number.MAX_SAFE_INTEGER)));
}

/** Machines by line in floor order, each line in the order of its places. */
export function linesOf(places: readonly Place[]): Line[] {
  const lines = new Map<string, { area: string; line: string; places: Place[] }>();
  for (const place of places) {
    const key = `${place.area}/${place.line}`;
    const line = lines.get(key) ?? { area: place.area, line: place.line, places: [] };
    line.places.push(place);
    lines.set(key, line);
  }
  return [...lines]
    .sort(([left, a], [right, b]) => placeOf(a.places) - placeOf(b.places) || compare(left, right))
    .map(([key, { area, line, places: members }]) => ({
      key,
      area,
      line,
      machines: members.sort((a, b) => a.position - b.position || compare(a.machine, b.machine)).map((place) => place.machine),
    }));
}

/** The room on a wall, in CSS pixels. */
export interface Room {
  width: number;
  height: number;
}

export interface WallBlock {
  line: Line;
  machines: readonly string[];
  /** A line that does not fit goes on on the next page, and says so. */
  continued: boolean;
  /** How many columns it takes. */
  span: number;
}

export interface WallPage {
  /** Short lines stand side by side in a row. */
  rows: WallBlock[][];
}

export interface WallLayout {
  columns: number;
  tileHeight: number;
  pages: WallPage[];
}

export const WALL_GAP = 16;
export const WALL_HEADING = 40;
/** Below this a tile's key figures cannot be read from three metres. */
const SMALLEST_TILE = 356;
const LARGEST_TILE = 640;
/** What a tile's texts need at least, at 16 px. */
const LOWEST_TILE = 236;
/** Height over width of a tile: its texts grow with its height and must not outgrow its width. */
const SLIMMEST = 0.5;
const TALLEST = 0.68;

const DESK_TILE = 320;
const DESK_GAP = 12;

/** At a desk, which scrolls: rows of lines, as many columns as fit. */
export function layOutDesk(lines: readonly Line[], width: number): { columns: number; rows: WallBlock[][] } {
  const columns = Math.max(1, Math.floor((width + DESK_GAP) / (DESK_TILE + DESK_GAP)));
  const { pages } = layOut(lines, { width, height: Number.POSITIVE_INFINITY }, columns, SLIMMEST);
  return { columns, rows: pages.flatMap((page) => page.rows) };
}

/** The fewest pages; of these the fewest columns; of these the highest tiles. */
export function layOutWall(lines: readonly Line[], room: Room): WallLayout {
  const most = Math.max(1, Math.floor((room.width + WALL_GAP) / (SMALLEST_TILE + WALL_GAP)));
  const fewest = Math.min(most, Math.max(1, Math.ceil((room.width + WALL_GAP) / (LARGEST_TILE + WALL_GAP))));
  let best = layOut(lines, room, fewest, SLIMMEST);
  for (let columns = fewest + 1; columns <= most; columns += 1) {
    const layout = layOut(lines, room, columns, SLIMMEST);
    if (layout.pages.length < best.pages.length) best = layout;
  }
  for (let shape = TALLEST; shape > SLIMMEST; shape -= 0.02) {
    const higher = layOut(lines, room, best.columns, shape);
    if (higher.pages.length <= best.pages.length) return higher;
  }
  return best;
}

function layOut(lines: readonly Line[], room: Room, columns: number, shape: number): WallLayout {
  const width = (room.width - WALL_GAP * (columns - 1)) / columns;
  const tileHeight = Math.max(LOWEST_TILE, Math.round(width * shape));
  const pages: WallPage[] = [];
  let page: WallPage = { rows: [] };
  let left = room.height;
  let free = 0;
  const turn = (): void => {
    if (page.rows.length > 0) pages.push(page);
    page = { rows: [] };
    left = room.height;
    free = 0;
  };
  const high = (rows: number): number => WALL_HEADING + rows * (tileHeight + WALL_GAP);
  for (const line of lines) {
    const span = Math.min(columns, line.machines.length);
    const beside = page.rows.at(-1);
    if (beside !== undefined && span <= free && line.machines.length <= columns) {
      beside.push({ line, machines: line.machines, continued: false, span });
      free -= span;
      continue;
    }
    let rest = line.machines;
    let continued = false;
    while (rest.length > 0) {
      const rows = Math.floor((left - WALL_HEADING) / (tileHeight + WALL_GAP));
      const whole = Math.ceil(rest.length / columns);
      // A line that fits on a page of its own is not broken; nor does a page stay empty.
      if (page.rows.length > 0 && (rows < 1 || (rows < whole && high(whole) <= room.height))) {
        turn();
        continue;
      }
      const taken = rest.slice(0, Math.max(1, rows) * columns);
      const height = Math.ceil(taken.length / columns);
      page.rows.push([{ line, machines: taken, continued, span }]);
      left -= high(height);
      free = height === 1 ? columns - span : 0;
      rest = rest.slice(taken.length);
      continued = true;
    }
  }
  turn();
  return { columns, tileHeight, pages };
}
