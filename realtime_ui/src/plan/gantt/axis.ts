import type { Brush } from "./brush.ts";
import { AXIS_HEIGHT } from "./layout.ts";
import { xOf, type Ticks } from "./scale.ts";
import type { Scene } from "./scene.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
/** With so little in sight now is told to the second. */
const CLOSE = 10 * MINUTE;

/** The time axis: the fine scale below, days or months above, and now. */
export function drawAxis(brush: Brush, scene: Scene, ticks: Ticks): void {
  const { palette } = brush;
  const { words, view, labels } = scene;
  const days = ticks.step >= DAY;
  const seconds = ticks.step < MINUTE;
  const now = labels + xOf(view, scene.now);
  brush.fill(palette.surface, 0, 0, scene.width, AXIS_HEIGHT);
  brush.fill(palette.lineStrong, 0, AXIS_HEIGHT - 1, scene.width, 1);
  brush.within(labels, 0, scene.width - labels, AXIS_HEIGHT, () => {
    brush.font(12);
    for (const at of ticks.minor) {
      const x = labels + xOf(view, at);
      brush.fill(palette.line, Math.round(x), 24, 1, AXIS_HEIGHT - 24);
      if (Math.abs(x + 20 - now) > 44) brush.write(palette.ink2, days ? words.shortDay(at) : seconds ? words.second(at) : words.clock(at), x + 5, 36);
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
  const { view, words } = scene;
  const x = scene.labels + xOf(scene.view, scene.now);
  if (x < scene.labels || x > scene.width) return;
  brush.font(12, 700);
  const text = view.to - view.from < CLOSE ? words.second(scene.now) : words.clock(scene.now);
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
