import { lowerSpan, type MachineRow } from "./bars.ts";
import type { Brush } from "./brush.ts";
import { AXIS_HEIGHT, ROW_HEIGHT, visibleItems, type Placed } from "./layout.ts";
import type { Row } from "./rows.ts";
import { ticksOf, xOf, type Ticks } from "./scale.ts";
import type { Scene } from "./scene.ts";
import { drawLinks, drawLower, drawPlanned } from "./strokes.ts";

const DAY = 86_400_000;
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
    for (const item of items) if (item.row?.machine != null) drawUnavailable(brush, scene, item.row.machine, item.top - scene.top);
    drawFrozen(brush, scene);
    drawGrid(brush, scene, ticks);
    for (const item of items) if (item.row?.machine != null) drawReasons(brush, scene, item.row.machine, item.top - scene.top);
    for (const item of items) drawBars(brush, scene, item);
    drawLinks(brush, scene);
    drawNow(brush, scene);
  });
  for (const item of items) drawLabel(brush, scene, item);
  context.restore();
  brush.fill(palette.lineStrong, scene.labels - 1, 0, 1, scene.height);
  drawAxis(brush, scene, ticks);
}

function drawUnavailable(brush: Brush, scene: Scene, machine: MachineRow, y: number): void {
  const { palette } = brush;
  for (const { from, to, why } of machine.unavailable) {
    if (to < scene.view.from || from > scene.view.to) continue;
    const left = scene.labels + Math.max(0, xOf(scene.view, from));
    const right = scene.labels + Math.min(scene.view.width, xOf(scene.view, to));
    const down = why === "down";
    brush.fill(palette.closed, left, y, right - left, ROW_HEIGHT - 1);
    if (down) {
      brush.fill(brush.hatched(palette.down, 8, 2), left, y, right - left, ROW_HEIGHT - 1);
      brush.fill(palette.down, left, y, right - left, 2);
    }
  }
}

/** Why a machine does not work, where it is more than the end of a shift. */
function drawReasons(brush: Brush, scene: Scene, machine: MachineRow, y: number): void {
  const { palette } = brush;
  for (const { from, to, why } of machine.unavailable) {
    if (to < scene.view.from || from > scene.view.to || (why !== "down" && !why.startsWith("exception"))) continue;
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

/** Beyond the canvas nothing is drawn: rows are sorted by start, so the first bar behind it ends them. */
function drawBars(brush: Brush, scene: Scene, item: Placed): void {
  const y = item.top - scene.top;
  if (item.row === null) return;
  brush.fill(brush.palette.line, scene.labels, y + ROW_HEIGHT - 1, scene.width, 1);
  for (const bar of item.row.planned) drawPlanned(brush, scene, bar, y);
  const { lower } = item.row;
  for (const [place, bar] of lower.entries()) {
    const end = lowerSpan(bar)?.to ?? 0;
    const next = lower[place + 1];
    const start = next === undefined ? null : lowerSpan(next)?.from;
    const room = start == null ? Number.POSITIVE_INFINITY : xOf(scene.view, start) - xOf(scene.view, end);
    drawLower(brush, scene, bar, y, room);
  }
}

function drawNow(brush: Brush, scene: Scene): void {
  const x = Math.round(scene.labels + xOf(scene.view, scene.now));
  brush.fill(brush.palette.surface, x - 2, 0, 4, scene.height);
  brush.fill(brush.palette.ink, x - 1, 0, 2, scene.height);
}

function drawLabel(brush: Brush, scene: Scene, item: Placed): void {
  const { palette } = brush;
  const y = item.top - scene.top;
  brush.within(0, 0, item.group === null ? scene.labels - 1 : scene.width, scene.height, () => {
    if (item.group !== null) {
      brush.fill(palette.sunken, 0, y, scene.width, item.height);
      brush.font(13, 700);
      brush.write(palette.ink, item.group.label, 12, y + item.height / 2 + 1);
      const after = 12 + brush.text.width(item.group.label) + 8;
      brush.font(13);
      brush.write(palette.ink2, brush.text.fit(item.group.detail, scene.labels - after), after, y + item.height / 2 + 1);
      return;
    }
    if (item.row === null) return;
    brush.fill(palette.surface, 0, y, scene.labels, item.height);
    brush.fill(palette.line, 0, y + item.height - 1, scene.labels, 1);
    if (item.row.machine === null) drawOrderLabel(brush, scene, item.row, y);
    else drawMachineLabel(brush, scene, item.row, item.row.machine, y);
  });
}

function stateColour(brush: Brush, state: string): string {
  const { palette } = brush;
  return state === "running" ? palette.running : state === "down" ? palette.down : state === "setup" ? palette.setup : state === "idle" ? palette.idle : palette.ink3;
}

function drawMachineLabel(brush: Brush, scene: Scene, row: Row, machine: MachineRow, y: number): void {
  const { palette } = brush;
  const { state } = machine.view;
  const down = state === "down";
  if (down) brush.fill(palette.down, 0, y, 5, ROW_HEIGHT - 1);
  brush.font(14, 600);
  brush.write(palette.ink, brush.text.fit(row.label, scene.labels - 24), 12, y + 16);
  brush.glyph(stateColour(brush, state), state, 12, y + 26, 12);
  brush.font(12, down ? 700 : 400);
  brush.write(down ? palette.ink : palette.ink2, brush.text.fit(scene.words.state(machine), scene.labels - 42), 30, y + 33);
}

function drawOrderLabel(brush: Brush, scene: Scene, row: Row, y: number): void {
  const { palette } = brush;
  brush.font(14, 600);
  brush.write(palette.ink, brush.text.fit(row.label, scene.labels - 24), 12, y + 16);
  let left = 12;
  if (row.lateness !== null) {
    brush.font(12, 700);
    const word = brush.text.fit(scene.words.late(row.lateness), scene.labels - 48);
    const chip = brush.text.width(word) + 24;
    brush.round(palette.abnormal, left, y + 25, chip, 18, 3);
    brush.glyph(palette.abnormalInk, "late", left + 4, y + 28, 12);
    brush.write(palette.abnormalInk, word, left + 19, y + 35);
    left += chip + 6;
  }
  brush.font(12);
  brush.write(palette.ink2, brush.text.fit(row.detail, scene.labels - left - 8), left, y + 34);
}

function drawAxis(brush: Brush, scene: Scene, ticks: Ticks): void {
  const { palette } = brush;
  const { words, view, labels } = scene;
  const days = ticks.step >= DAY;
  const now = labels + xOf(view, scene.now);
  brush.fill(palette.surface, 0, 0, scene.width, AXIS_HEIGHT);
  brush.fill(palette.lineStrong, 0, AXIS_HEIGHT - 1, scene.width, 1);
  brush.within(labels, 0, scene.width - labels, AXIS_HEIGHT, () => {
    brush.font(12);
    for (const at of ticks.minor) {
      const x = labels + xOf(view, at);
      brush.fill(palette.line, Math.round(x), 24, 1, AXIS_HEIGHT - 24);
      if (Math.abs(x + 20 - now) > 44) brush.write(palette.ink2, days ? words.shortDay(at) : words.clock(at), x + 5, 36);
    }
    drawHeadings(brush, scene, ticks, days ? words.month : words.day);
    drawNowMark(brush, scene);
  });
}

/** Days or months: each at its beginning; the one that began before the left edge sticks to it. */
function drawHeadings(brush: Brush, scene: Scene, ticks: Ticks, say: (at: number) => string): void {
  const { palette } = brush;
  const edges = [scene.view.from, ...ticks.major];
  brush.font(12, 700);
  for (const [place, at] of edges.entries()) {
    const x = scene.labels + xOf(scene.view, at);
    const next = edges[place + 1];
    const room = (next === undefined ? scene.width : scene.labels + xOf(scene.view, next)) - x - 12;
    if (place > 0) brush.fill(palette.lineStrong, Math.round(x), 0, 1, AXIS_HEIGHT);
    const text = brush.text.fit(say(at), room);
    if (text !== "") brush.write(palette.ink, text, x + 6, 13);
  }
}

function drawNowMark(brush: Brush, scene: Scene): void {
  const { palette, context } = brush;
  const x = scene.labels + xOf(scene.view, scene.now);
  if (x < scene.labels || x > scene.width) return;
  brush.font(12, 700);
  const text = scene.words.clock(scene.now);
  const width = brush.text.width(text) + 12;
  const left = Math.max(scene.labels + 2, Math.min(scene.width - width - 2, x - width / 2));
  brush.round(palette.inverse, left, 25, width, 20, 4);
  brush.write(palette.inverseInk, text, left + 6, 36);
  const right = scene.labels + xOf(scene.view, scene.now + scene.frozenMs);
  if (scene.frozenMs === 0) return;
  const label = brush.text.width(scene.words.frozen) + 22;
  const start = Math.max(left + width + 4, right - label - 2);
  if (right - x < 24) return;
  brush.fill(palette.brand, x, AXIS_HEIGHT - 3, right - x, 3);
  if (start + label > right + 1) return;
  brush.round(palette.brandSoft, start, 25, label, 18, 4);
  brush.glyph(palette.brand, "frozen", start + 4, 28, 12);
  context.fillStyle = palette.brand;
  context.fillText(scene.words.frozen, start + 19, 35);
}
