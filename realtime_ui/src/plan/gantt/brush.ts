import { GLYPHS } from "../../ui/glyph.tsx";
import { hatch, mix, type Palette } from "./palette.ts";
import { TextFitter } from "./text.ts";

const paths = new Map<string, Path2D>();

function pathOf(name: string): Path2D {
  let path = paths.get(name);
  if (path === undefined) {
    path = new Path2D(GLYPHS[name] ?? GLYPHS["waiting"]);
    paths.set(name, path);
  }
  return path;
}

/** A canvas with the theme's colours, hatches and fonts at hand. */
export class Brush {
  readonly context: CanvasRenderingContext2D;
  readonly palette: Palette;
  readonly text: TextFitter;
  readonly #scale: number;
  readonly #hatches = new Map<string, CanvasPattern | string>();
  readonly #tints = new Map<string, string>();

  constructor(context: CanvasRenderingContext2D, palette: Palette, scale: number) {
    this.context = context;
    this.palette = palette;
    this.text = new TextFitter(context);
    this.#scale = scale;
  }

  font(size: number, weight = 400): void {
    const font = `${weight} ${size}px ${this.palette.font}`;
    if (font === this.text.font) return;
    this.text.font = font;
    this.context.font = font;
  }

  fill(colour: CanvasPattern | string, x: number, y: number, width: number, height: number): void {
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, width, height);
  }

  round(colour: CanvasPattern | string, x: number, y: number, width: number, height: number, radius: number): void {
    this.context.fillStyle = colour;
    this.context.beginPath();
    this.context.roundRect(x, y, width, height, Math.min(radius, width / 2));
    this.context.fill();
  }

  outline(colour: string, x: number, y: number, width: number, height: number, radius: number, line: number): void {
    this.context.strokeStyle = colour;
    this.context.lineWidth = line;
    this.context.beginPath();
    this.context.roundRect(x + line / 2, y + line / 2, Math.max(0, width - line), Math.max(0, height - line), Math.max(0, Math.min(radius, width / 2)));
    this.context.stroke();
  }

  write(colour: string, text: string, x: number, middle: number): void {
    this.context.fillStyle = colour;
    this.context.fillText(text, x, middle);
  }

  glyph(colour: string, name: string, x: number, y: number, size: number): void {
    const { context } = this;
    context.save();
    context.translate(x, y);
    context.scale(size / 16, size / 16);
    context.fillStyle = colour;
    context.fill(pathOf(name), "evenodd");
    context.restore();
  }

  hatched(colour: string, gap?: number, width?: number): CanvasPattern | string {
    const key = `${colour} ${gap ?? ""} ${width ?? ""}`;
    let found = this.#hatches.get(key);
    if (found === undefined) {
      found = hatch(this.context, colour, this.#scale, gap, width);
      this.#hatches.set(key, found);
    }
    return found;
  }

  /** A colour as a light ground for writing on. */
  tint(colour: string): string {
    let found = this.#tints.get(colour);
    if (found === undefined) {
      found = mix(colour, this.palette.surface, 0.2);
      this.#tints.set(colour, found);
    }
    return found;
  }

  /** Draw only within a rectangle. */
  within(x: number, y: number, width: number, height: number, draw: () => void): void {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    const { font } = this.text;
    draw();
    context.restore();
    this.text.font = font;
  }
}
