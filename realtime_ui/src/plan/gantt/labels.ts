import type { MachineRow } from "./bars.ts";
import type { Brush } from "./brush.ts";
import type { Lane } from "./lanes.ts";
import { ROW_HEIGHT, type Placed } from "./layout.ts";
import { loadOf } from "./load.ts";
import { closuresOf, type Row } from "./rows.ts";
import type { Scene } from "./scene.ts";

/** With less room for labels figures give way to words. */
const ROOMY = 160;

/** What a row or a heading is, left of the bars. */
export function drawLabel(brush: Brush, scene: Scene, item: Placed): void {
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
    if (item.row.machine !== null) drawMachineLabel(brush, scene, item.row, item.row.machine, y);
    else if (item.row.lane !== null) drawLaneLabel(brush, scene, item.row, item.row.lane, y);
    else drawOrderLabel(brush, scene, item.row, y);
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
  const room = drawLoad(brush, scene, row, y);
  brush.font(12, down ? 700 : 400);
  brush.write(down ? palette.ink : palette.ink2, brush.text.fit(scene.words.state(machine), room - 42), 30, y + 33);
}

function drawLaneLabel(brush: Brush, scene: Scene, row: Row, lane: Lane, y: number): void {
  const { palette } = brush;
  brush.font(14, 600);
  brush.write(palette.ink, brush.text.fit(row.label, scene.labels - 24), 12, y + 16);
  const room = drawLoad(brush, scene, row, y);
  const away = lane.unavailable.find((span) => span.from <= scene.now && span.to > scene.now);
  if (away === undefined) return;
  brush.font(12);
  brush.write(palette.ink2, brush.text.fit(scene.words.unavailable(away.why), room - 20), 12, y + 33);
}

/** How full a row is in what is in sight from now on: a figure and a line. Returns where the room left of it ends. */
function drawLoad(brush: Brush, scene: Scene, row: Row, y: number): number {
  const from = Math.max(scene.now, scene.view.from);
  const share = from >= scene.view.to ? null : loadOf(row.planned, closuresOf(row), { from, to: scene.view.to });
  if (share === null) return scene.labels;
  const { palette } = brush;
  const width = scene.labels - 24;
  brush.fill(palette.line, 12, y + ROW_HEIGHT - 6, width, 3);
  brush.fill(palette.brand, 12, y + ROW_HEIGHT - 6, width * Math.min(1, share), 3);
  if (scene.labels < ROOMY) return scene.labels;
  brush.font(12, 600);
  const text = scene.words.load(share);
  const left = scene.labels - 12 - brush.text.width(text);
  brush.write(palette.ink2, text, left, y + 33);
  return left;
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
  if (row.order !== null && scene.onHold.has(row.order)) {
    brush.font(12, 700);
    brush.glyph(palette.ink, "paused", left, y + 28, 12);
    const word = brush.text.fit(scene.words.onHold, scene.labels - left - 24);
    brush.write(palette.ink, word, left + 16, y + 35);
    left += 16 + brush.text.width(word) + 8;
  }
  brush.font(12);
  brush.write(palette.ink2, brush.text.fit(row.detail, scene.labels - left - 8), left, y + 34);
}

