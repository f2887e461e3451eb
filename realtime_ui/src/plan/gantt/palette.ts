/** The colours that the chart is painted in, read from the theme's tokens. */
export interface Palette {
  font: string;
  page: string;
  surface: string;
  sunken: string;
  line: string;
  lineStrong: string;
  ink: string;
  ink2: string;
  ink3: string;
  brand: string;
  brandSoft: string;
  inverse: string;
  inverseInk: string;
  closed: string;
  frozen: string;
  running: string;
  setup: string;
  down: string;
  abnormal: string;
  abnormalInk: string;
  idle: string;
  families: readonly string[];
  familyInk: string;
  onTime: string;
  tight: string;
  none: string;
}

/** So many families have a colour of their own; more share them, and their names tell them apart. */
export const FAMILY_COLOURS = 8;

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    font: of("font"),
    page: of("page"),
    surface: of("surface"),
    sunken: of("surface-sunken"),
    line: of("line"),
    lineStrong: of("line-strong"),
    ink: of("ink"),
    ink2: of("ink-2"),
    ink3: of("ink-3"),
    brand: of("brand"),
    brandSoft: of("brand-soft"),
    inverse: of("inverse"),
    inverseInk: of("inverse-ink"),
    closed: of("gantt-closed"),
    frozen: of("gantt-frozen"),
    running: of("state-running"),
    setup: of("state-setup"),
    down: of("state-down"),
    abnormal: of("state-abnormal"),
    abnormalInk: of("state-abnormal-ink"),
    idle: of("state-idle"),
    families: Array.from({ length: FAMILY_COLOURS }, (_, place) => of(`family-${place + 1}`)),
    familyInk: of("family-ink"),
    onTime: of("gantt-on-time"),
    tight: of("gantt-tight"),
    none: of("gantt-none"),
  };
}

/** Red, green and blue of `#rrggbb` or of `#rgb`, as stylesheets shorten it. */
function parts(hex: string): number[] {
  const digits = hex.length === 4 ? Array.from(hex.slice(1), (digit) => digit + digit) : [hex.slice(1, 3), hex.slice(3, 5), hex.slice(5, 7)];
  return digits.map((pair) => Number.parseInt(pair, 16));
}

/** A colour between two, as `#rrggbb`; `share` is the first one's part. */
export function mix(first: string, second: string, share: number): string {
  const [a, b] = [parts(first), parts(second)];
  return `#${a.map((value, place) => Math.round(value * share + (b[place] ?? 0) * (1 - share)).toString(16).padStart(2, "0")).join("")}`;
}

/** Diagonal lines as a fill; `scale` is the canvas' device pixels per pixel. */
export function hatch(context: CanvasRenderingContext2D, colour: string, scale: number, gap = 6, width = 1.5): CanvasPattern | string {
  const size = Math.max(2, Math.round(gap * scale));
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  if (pen === null) return colour;
  pen.strokeStyle = colour;
  pen.lineWidth = width * scale;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift - 1, size + 1);
    pen.lineTo(shift + size + 1, -1);
  }
  pen.stroke();
  const pattern = context.createPattern(tile, "repeat");
  pattern?.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern ?? colour;
}
