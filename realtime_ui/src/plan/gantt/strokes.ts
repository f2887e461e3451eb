import { hasStarted, isOver, lowerMachine, lowerSpan, riskOf, type Bar } from "./bars.ts";
import { isAmong } from "./batches.ts";
import type { Brush } from "./brush.ts";
import { GLIDE_MS } from "./glide.ts";
import { LOWER_LANE, NARROWEST, PLAN_LANE, type Placed } from "./layout.ts";
import { FAMILY_COLOURS } from "./palette.ts";
import { xOf } from "./scale.ts";
import type { Scene } from "./scene.ts";

const DIMMED = 0.2;
const LEFT_BEHIND = 0.4;
const MOVED_MS = 8_000;
const FADE_MS = 2_000;
const PAD = 6;
const GLYPH = 12;
/** Narrower than this nobody sees a round corner or an outline, and hundreds of them are in sight. */
const PLAIN = 10;

function colourOf(brush: Brush, scene: Scene, bar: Bar): string {
  const { palette } = brush;
  if (scene.colouring === "family") {
    const place = bar.view.family === null ? undefined : scene.families.get(bar.view.family);
    return place === undefined ? palette.none : (palette.families[place % FAMILY_COLOURS] ?? palette.none);
  }
  const risk = riskOf(bar);
  return risk === "late" ? palette.abnormal : risk === "tight" ? palette.tight : risk === "on_time" ? palette.onTime : palette.none;
}

function alphaOf(scene: Scene, bar: Bar): number {
  // Where a draft has it elsewhere, or where it was taken from.
  if (scene.held?.bar.id === bar.id || (scene.ghosts !== null && isAmong(bar, scene.ghosts.byOperation))) return LEFT_BEHIND;
  return scene.lit === null || isAmong(bar, scene.lit) ? 1 : DIMMED;
}

export interface Box {
  left: number;
  right: number;
}

/** From where to where on the canvas, at most a little beyond its edges; null when out of sight. */
export function boxOf(scene: Scene, from: number, to: number): Box | null {
  const left = scene.labels + xOf(scene.view, from);
  const right = Math.max(left + NARROWEST, scene.labels + xOf(scene.view, to));
  if (right < scene.labels || left > scene.width) return null;
  return { left: Math.max(left, scene.labels - 20), right: Math.min(right, scene.width + 20) };
}

/** The upper lane: where the published plan has it, its set-up hatched before it. */
export function drawPlanned(brush: Brush, scene: Scene, bar: Bar, top: number): void {
  if (bar.planned === null) return;
  const y = top + PLAN_LANE.top;
  const colour = colourOf(brush, scene, bar);
  brush.context.globalAlpha = alphaOf(scene, bar) * (isOver(bar) ? 0.55 : 1);
  if (bar.setupFrom !== null && bar.setupFrom < bar.planned.from) drawSetup(brush, scene, colour, bar.setupFrom, bar.planned.from, y, PLAN_LANE.height);
  const box = boxOf(scene, bar.planned.from, bar.planned.to);
  if (box !== null) {
    const width = Math.max(NARROWEST, box.right - box.left - 1);
    if (width < PLAIN) brush.fill(colour, box.left, y, width, PLAN_LANE.height);
    else brush.round(colour, box.left, y, width, PLAN_LANE.height, 2);
    if (bar.id === scene.hovered || bar.id === scene.focused) brush.outline(brush.palette.ink, box.left - 1, y - 1, box.right - box.left + 1, PLAN_LANE.height + 2, 3, 2);
  }
  brush.context.globalAlpha = 1;
}

function drawSetup(brush: Brush, scene: Scene, colour: string, from: number, to: number, y: number, height: number): void {
  const box = boxOf(scene, from, to);
  if (box === null) return;
  const width = box.right - box.left;
  brush.fill(brush.palette.surface, box.left, y, width, height);
  brush.fill(brush.hatched(colour, 5), box.left, y, width, height);
  brush.outline(colour, box.left, y, width, height, 0, 1);
}

/** The lower lane: solid what really happened, light what is projected. `room` is free behind it. */
export function drawLower(brush: Brush, scene: Scene, bar: Bar, top: number, room: number): void {
  const span = lowerSpan(bar);
  if (span === null) return;
  const { context, palette } = brush;
  const y = top + LOWER_LANE.top;
  const { height } = LOWER_LANE;
  const colour = colourOf(brush, scene, bar);
  context.globalAlpha = alphaOf(scene, bar) * (isOver(bar) ? 0.6 : 1);
  if (!hasStarted(bar) && bar.planned !== null && bar.setupFrom !== null && bar.setupFrom < bar.planned.from && lowerMachine(bar) === bar.view.machine) {
    drawSetup(brush, scene, colour, span.from - (bar.planned.from - bar.setupFrom), span.from, y, height);
  }
  const box = boxOf(scene, span.from, span.to);
  if (box === null) {
    context.globalAlpha = 1;
    return;
  }
  const width = Math.max(NARROWEST, box.right - box.left - 1);
  const made = !hasStarted(bar) ? box.left : isOver(bar) ? box.left + width : Math.min(box.left + width, Math.max(box.left, scene.labels + xOf(scene.view, scene.now)));
  if (width < PLAIN) {
    brush.fill(made > box.left ? colour : brush.tint(colour), box.left, y, width, height);
    brush.fill(riskOf(bar) === "late" ? palette.abnormal : colour, box.left, y + height - 3, width, 3);
    drawMarks(brush, scene, bar, box.left, width, y);
    context.globalAlpha = 1;
    return;
  }
  brush.round(brush.tint(colour), box.left, y, width, height, 3);
  if (made > box.left) brush.round(colour, box.left, y, made - box.left, height, 3);
  brush.outline(colour, box.left, y, width, height, 3, bar.projected === null ? 1 : 1.5);
  drawEdge(brush, bar, box.left, y, height);
  const late = riskOf(bar) === "late";
  if (late) brush.fill(palette.abnormal, box.left, y + height - 3, width, 3);
  drawWriting(brush, scene, bar, { left: Math.max(box.left, scene.labels), right: Math.min(box.left + width, scene.width) }, made, y, room);
  drawMarks(brush, scene, bar, box.left, width, y);
  context.globalAlpha = 1;
}

/** The state of work on a machine, as the floor board marks it: colour at the left edge. */
function drawEdge(brush: Brush, bar: Bar, left: number, y: number, height: number): void {
  if (bar.view.state === "running") brush.fill(brush.palette.running, left, y, 4, height);
  else if (bar.view.state === "paused" || bar.view.state === "interrupted") brush.fill(brush.palette.abnormal, left, y, 4, height);
}

function glyphOf(bar: Bar): string | null {
  if (bar.view.on_hold && !isOver(bar)) return "on_hold";
  if (["running", "paused", "interrupted", "completed", "aborted"].includes(bar.view.state)) return bar.view.state;
  return bar.view.pin === "locked" ? "locked" : bar.view.pin === "frozen" ? "frozen" : null;
}

function drawWriting(brush: Brush, scene: Scene, bar: Bar, box: Box, made: number, y: number, room: number): void {
  const { context, palette } = brush;
  const middle = y + LOWER_LANE.height / 2 + 0.5;
  const late = riskOf(bar) === "late" && !isOver(bar);
  const last = (scene.successors.get(bar.id) ?? []).length === 0;
  let [left, right] = [box.left + PAD + (hasStarted(bar) && !isOver(bar) ? 3 : 0), box.right - PAD];
  brush.font(12, 700);
  const word = late ? scene.words.late(bar.view.lateness_minutes ?? 0) : "";
  const chip = late ? brush.text.width(word) + GLYPH + 10 : 0;
  if (late && right - left > chip + (last ? 0 : 48)) {
    drawChip(brush, word, right - chip + 3, y + 3, chip);
    right -= chip + 2;
  } else if (late && last && room > chip + 8) {
    drawChip(brush, word, box.right + 4, y + 3, chip);
  } else if (late && right - left > GLYPH) {
    drawChip(brush, "", right - GLYPH - 1, y + 3, GLYPH + 4);
    right -= GLYPH + 4;
  }
  const glyph = glyphOf(bar);
  const onSolid = scene.colouring === "lateness" && riskOf(bar) === "late" ? palette.abnormalInk : palette.familyInk;
  if (glyph !== null && right - left >= GLYPH) {
    brush.glyph(made > left + GLYPH ? onSolid : palette.ink, glyph, left, middle - GLYPH / 2 - 0.5, GLYPH);
    left += GLYPH + 4;
  }
  if (right - left < 16) return;
  brush.font(12, 500);
  const text = brush.text.fit(scene.words.label(bar), right - left);
  if (text === "") return;
  const end = left + brush.text.width(text);
  if (made <= left || made >= end) {
    brush.write(made >= end ? onSolid : palette.ink, text, left, middle);
    return;
  }
  // Half on solid, half on light ground: each half in the ink that is readable there.
  const alpha = context.globalAlpha;
  brush.within(left - 1, y, made - left + 1, LOWER_LANE.height, () => { brush.write(onSolid, text, left, middle); });
  brush.within(made, y, end - made + 2, LOWER_LANE.height, () => { brush.write(palette.ink, text, left, middle); });
  context.globalAlpha = alpha;
}

function drawChip(brush: Brush, word: string, left: number, y: number, width: number): void {
  const height = LOWER_LANE.height - 7;
  brush.round(brush.palette.abnormal, left, y, width - 2, height + 1, 3);
  brush.glyph(brush.palette.abnormalInk, "late", left + 2, y + 2.5, GLYPH);
  if (word === "") return;
  brush.font(12, 700);
  brush.write(brush.palette.abnormalInk, word, left + GLYPH + 5, y + height / 2 + 1);
}

/** What the pointer or the keyboard is on, and what a new plan has just moved. */
function drawMarks(brush: Brush, scene: Scene, bar: Bar, left: number, width: number, y: number): void {
  const { palette, context } = brush;
  const { height } = LOWER_LANE;
  if (bar.id === scene.focused) brush.outline(palette.brand, left - 3, y - 3, width + 6, height + 6, 5, 3);
  else if (bar.id === scene.hovered) brush.outline(palette.ink, left - 1, y - 1, width + 2, height + 2, 4, 2);
  else if (scene.chain.has(bar.id)) brush.outline(palette.brand, left - 2, y - 2, width + 4, height + 4, 5, 2);
  const age = bar.movedAt === null ? MOVED_MS : scene.clock - bar.movedAt;
  if (age >= MOVED_MS) return;
  context.globalAlpha = Math.min(1, (MOVED_MS - age) / FADE_MS);
  brush.outline(palette.brand, left - 2, y - 2, width + 4, height + 4, 5, 2);
  context.globalAlpha = 1;
}

/** Whether a bar is on its way or its mark fades, so that another frame is due; in between it stands still. */
export function isFading(bar: Bar, clock: number): boolean {
  if (bar.movedAt === null) return false;
  const age = clock - bar.movedAt;
  return age < GLIDE_MS || (age > MOVED_MS - FADE_MS && age < MOVED_MS);
}

/** The way of an order from operation to operation, across rows. */
export function drawLinks(brush: Brush, scene: Scene): void {
  const { context, palette } = brush;
  if (scene.links.length === 0) return;
  const middleOf = (item: Placed | undefined): number | null => (item === undefined ? null : item.top - scene.top + LOWER_LANE.top + LOWER_LANE.height / 2);
  context.lineJoin = "round";
  for (const [before, after] of scene.links) {
    const [a, b] = [lowerSpan(before), lowerSpan(after)];
    const [from, to] = [middleOf(scene.layout.places.get(before.id)), middleOf(scene.layout.places.get(after.id))];
    if (a === null || b === null || from === null || to === null) continue;
    const left = scene.labels + xOf(scene.view, a.to);
    const right = scene.labels + xOf(scene.view, b.from);
    const bend = Math.max(left + 8, Math.min(right - 8, (left + right) / 2));
    context.beginPath();
    context.moveTo(left, from);
    context.lineTo(bend, from);
    context.lineTo(bend, to);
    context.lineTo(right, to);
    context.lineWidth = 5;
    context.strokeStyle = palette.surface;
    context.stroke();
    context.lineWidth = 2;
    context.strokeStyle = palette.brand;
    context.stroke();
    context.beginPath();
    context.moveTo(right + 1, to);
    context.lineTo(right - 6, to - 4);
    context.lineTo(right - 6, to + 4);
    context.fillStyle = palette.brand;
    context.fill();
  }
}
