import type { Brush } from "./brush.ts";
import type { Ghost } from "./ghosts.ts";
import { LOWER_LANE, NARROWEST, ROW_HEIGHT } from "./layout.ts";
import type { Row } from "./rows.ts";
import { xOf } from "./scale.ts";
import type { Scene } from "./scene.ts";
import { boxOf, type Box } from "./strokes.ts";

const DASH = [5, 4];
const PAD = 6;

/** A dashed box over the lower lane: something that is thought of, not so. */
function drawThought(brush: Brush, box: Box, y: number, fill: string): void {
  const { context, palette } = brush;
  const width = Math.max(NARROWEST, box.right - box.left - 1);
  context.globalAlpha = 0.92;
  brush.round(fill, box.left, y, width, LOWER_LANE.height, 3);
  context.globalAlpha = 1;
  context.setLineDash(DASH);
  brush.outline(palette.brand, box.left, y, width, LOWER_LANE.height, 3, 2);
  context.setLineDash([]);
}

function write(brush: Brush, scene: Scene, box: Box, y: number, text: string): void {
  const left = Math.max(box.left, scene.labels) + PAD;
  brush.font(12, 600);
  const fitted = brush.text.fit(text, box.right - PAD - left);
  if (fitted !== "") brush.write(brush.palette.ink, fitted, left, y + LOWER_LANE.height / 2 + 0.5);
}

function drawGhost(brush: Brush, scene: Scene, ghost: Ghost, label: string, top: number): void {
  const y = top + LOWER_LANE.top;
  if (ghost.setupFrom !== null && ghost.setupFrom < ghost.span.from) {
    const setup = boxOf(scene, ghost.setupFrom, ghost.span.from);
    if (setup !== null) {
      brush.fill(brush.palette.surface, setup.left, y, setup.right - setup.left, LOWER_LANE.height);
      brush.fill(brush.hatched(brush.palette.brand, 5), setup.left, y, setup.right - setup.left, LOWER_LANE.height);
    }
  }
  const box = boxOf(scene, ghost.span.from, ghost.span.to);
  if (box === null) return;
  drawThought(brush, box, y, brush.palette.brandSoft);
  write(brush, scene, box, y, label);
}

/** What an oven takes at once has equal times: one bar stands for it. */
function loads(ghosts: readonly Ghost[]): Ghost[][] {
  const found: Ghost[][] = [];
  for (const ghost of ghosts) {
    const last = found.at(-1);
    const span = last?.[0]?.span;
    if (last !== undefined && span?.from === ghost.span.from && span.to === ghost.span.to) last.push(ghost);
    else found.push([ghost]);
  }
  return found;
}

/** Where the draft that is looked at has a row's operations. */
export function drawGhosts(brush: Brush, scene: Scene, row: Row, top: number): void {
  const { ghosts, bars } = scene;
  if (ghosts === null) return;
  if (row.machine !== null) {
    for (const load of loads(ghosts.byMachine.get(row.machine.view.machine) ?? [])) {
      const [ghost] = load;
      if (ghost === undefined) continue;
      const bar = ghost.id === null ? undefined : bars.get(ghost.id);
      const label = load.length > 1 || bar === undefined ? load.map((each) => each.label).join(", ") : scene.words.label(bar);
      drawGhost(brush, scene, ghost, label, top);
    }
    return;
  }
  for (const bar of row.lower) {
    const ghost = ghosts.byOperation.get(bar.id);
    if (ghost !== undefined) drawGhost(brush, scene, ghost, scene.words.label(bar), top);
  }
}

/** What is in hand, where it would be put, with its time. */
export function drawHeld(brush: Brush, scene: Scene, row: Row, top: number): void {
  if (scene.held === null) return;
  const { at, bar } = scene.held;
  if (row.machine === null ? !row.lower.includes(bar) : row.machine.view.machine !== at.machine) return;
  const { palette, context } = brush;
  const y = top + LOWER_LANE.top;
  const box = boxOf(scene, at.start, at.start + at.length);
  if (box === null) return;
  brush.fill(palette.brandSoft, scene.labels, top, scene.width, 3);
  drawThought(brush, box, y, palette.surface);
  write(brush, scene, box, y, scene.words.label(bar));
  brush.font(12, 700);
  const time = scene.words.clock(at.start);
  const width = brush.text.width(time) + 12;
  brush.round(palette.brand, box.left, y - 17, width, 17, 4);
  context.fillStyle = palette.surface;
  context.fillText(time, box.left + 6, y - 8);
}

/** When a row's order is due: a flag where the projected end can be held against it. */
export function drawDue(brush: Brush, scene: Scene, row: Row, top: number): void {
  if (row.due === null) return;
  const x = Math.round(scene.labels + xOf(scene.view, row.due));
  if (x < scene.labels || x > scene.width) return;
  const { palette, context } = brush;
  const late = row.lateness !== null;
  brush.fill(palette.surface, x - 2, top + 2, 4, ROW_HEIGHT - 4);
  brush.fill(palette.ink, x - 1, top + 2, 2, ROW_HEIGHT - 4);
  context.beginPath();
  context.moveTo(x + 1, top + 2);
  context.lineTo(x + 11, top + 7);
  context.lineTo(x + 1, top + 12);
  context.fillStyle = late ? palette.abnormal : palette.ink;
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = palette.ink;
  context.stroke();
}
