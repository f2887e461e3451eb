import { drawAxis } from "./axis.ts";
import { lowerSpan, type Bar } from "./bars.ts";
import type { Brush } from "./brush.ts";
import { glided } from "./glide.ts";
import { drawLabel } from "./labels.ts";
import { AXIS_HEIGHT, ROW_HEIGHT, visibleItems, type Placed } from "./layout.ts";
import { closuresOf, type Row } from "./rows.ts";
import { ticksOf, xOf, type Ticks } from "./scale.ts";
import type { Scene } from "./scene.ts";
import { drawDue, drawGhosts, drawHeld } from "./overlays.ts";
import { drawLinks, drawLower, drawPlanned } from "./strokes.ts";

const TICK_ROOM = 56;

/** One frame of the chart. Rows first, then what lies over them, then the labels and the time axis. */
export function drawFrame(brush: Brush, scene: Scene): void {
  const { context, palette } = brush;
  context.textBaseline = "middle";
  const items = visibleItems(scene.layout, scene.top, scene.height - AXIS_HEIGHT);
  const ticks = ticksOf(scene.view, scene.zone, TICK_ROOM);
  brush.fill(palette.surface, 0, 0, scene.width, scene.height);
  context.save();
  context.translate(0, AXIS_HEIGHT);
  brush.within(scene.labels, 0, scene.width - scene.labels, scene.height - AXIS_HEIGHT, () => {
    for (const item of items) if (item.row !== null) drawUnavailable(brush, scene, item.row, item.top - scene.top);
    drawFrozen(brush, scene);
    drawGrid(brush, scene, ticks);
    for (const item of items) if (item.row !== null) drawReasons(brush, scene, item.row, item.top - scene.top);
    for (const item of items) drawBars(brush, scene, item);
    for (const item of items) if (item.row !== null) drawDue(brush, scene, item.row, item.top - scene.top);
    drawLinks(brush, scene);
    for (const item of items) if (item.row !== null) drawGhosts(brush, scene, item.row, item.top - scene.top);
    for (const item of items) if (item.row !== null) drawHeld(brush, scene, item.row, item.top - scene.top);
    drawNow(brush, scene);
  });
  for (const item of items) drawLabel(brush, scene, item);
  context.restore();
  brush.fill(palette.lineStrong, scene.labels - 1, 0, 1, scene.height);
  drawAxis(brush, scene, ticks);
}

function drawUnavailable(brush: Brush, scene: Scene, row: Row, y: number): void {
  const { palette } = brush;
  for (const { from, to, why } of closuresOf(row)) {
    if (to < scene.view.from || from > scene.view.to) continue;
    const left = scene.labels + Math.max(0, xOf(scene.view, from));
    const right = scene.labels + Math.min(scene.view.width, xOf(scene.view, to));
    const down = why === "down";
    brush.fill(palette.closed, left, y, right - left, ROW_HEIGHT - 1);
    if (why.startsWith("absent")) brush.fill(brush.hatched(palette.ink3, 8, 1), left, y, right - left, ROW_HEIGHT - 1);
    if (down) {
      brush.fill(brush.hatched(palette.down, 8, 2), left, y, right - left, ROW_HEIGHT - 1);
      brush.fill(palette.down, left, y, right - left, 2);
    }
  }
}

/** Why a machine or somebody does not work, where it is more than the end of a shift. */
function drawReasons(brush: Brush, scene: Scene, row: Row, y: number): void {
  const { palette } = brush;
  for (const { from, to, why } of closuresOf(row)) {
    if (to < scene.view.from || from > scene.view.to || why === "closed") continue;
    const left = scene.labels + Math.max(0, xOf(scene.view, from));
    const right = scene.labels + Math.min(scene.view.width, xOf(scene.view, to));
    brush.font(12, 600);
    const text = brush.text.fit(scene.words.unavailable(why), right - left - 16);
    if (text === "") continue;
    const width = brush.text.width(text);
    brush.fill(palette.closed, left + 4, y + 4, width + 8, 15);
    brush.write(palette.ink, text, left + 8, y + 12);
  }
}

function drawFrozen(brush: Brush, scene: Scene): void {
  const left = scene.labels + xOf(scene.view, scene.now);
  const right = scene.labels + xOf(scene.view, scene.now + scene.frozenMs);
  if (scene.frozenMs === 0 || right < scene.labels || left > scene.width) return;
  brush.fill(brush.palette.frozen, left, 0, right - left, scene.height);
  brush.fill(brush.palette.brand, right, 0, 1, scene.height);
}

function drawGrid(brush: Brush, scene: Scene, ticks: Ticks): void {
  for (const at of ticks.minor) brush.fill(brush.palette.line, Math.round(scene.labels + xOf(scene.view, at)), 0, 1, scene.height);
  for (const at of ticks.major) brush.fill(brush.palette.lineStrong, Math.round(scene.labels + xOf(scene.view, at)), 0, 1, scene.height);
}

/** Beyond the canvas nothing is drawn. What a plan has just moved is on its way, between rows as well. */
function drawBars(brush: Brush, scene: Scene, item: Placed): void {
  const y = item.top - scene.top;
  const { row } = item;
  if (row === null) return;
  brush.fill(brush.palette.line, scene.labels, y + ROW_HEIGHT - 1, scene.width, 1);
  for (const bar of row.planned) {
    const now = onItsWay(scene, bar, item);
    drawPlanned(brush, scene, now.bar, y + now.rise);
  }
  const { lower } = row;
  for (const [place, bar] of lower.entries()) {
    const end = lowerSpan(bar)?.to ?? 0;
    const next = lower[place + 1];
    const start = next === undefined ? null : lowerSpan(next)?.from;
    const room = start == null ? Number.POSITIVE_INFINITY : xOf(scene.view, start) - xOf(scene.view, end);
    const now = onItsWay(scene, bar, item);
    drawLower(brush, scene, now.bar, y + now.rise, room);
  }
}

function onItsWay(scene: Scene, bar: Bar, item: Placed): { bar: Bar; rise: number } {
  if (scene.still || bar.movedFrom === null) return { bar, rise: 0 };
  const from = item.row?.machine == null || bar.movedFrom.machine === null ? undefined : scene.layout.rows.get(bar.movedFrom.machine);
  return glided(bar, scene.clock, from === undefined ? 0 : from.top - item.top);
}

function drawNow(brush: Brush, scene: Scene): void {
  const x = Math.round(scene.labels + xOf(scene.view, scene.now));
  brush.fill(brush.palette.surface, x - 2, 0, 4, scene.height);
  brush.fill(brush.palette.ink, x - 1, 0, 2, scene.height);
}
