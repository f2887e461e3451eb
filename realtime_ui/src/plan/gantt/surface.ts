import { Brush } from "./brush.ts";
import { readPalette } from "./palette.ts";

/** The canvas, as large as its place, with a device pixel for each of the screen's. */
export class Surface {
  width = 0;
  height = 0;
  scale = 1;
  readonly #canvas: HTMLCanvasElement;
  readonly #place: HTMLElement;
  #brush: Brush | null = null;

  constructor(canvas: HTMLCanvasElement, place: HTMLElement) {
    this.#canvas = canvas;
    this.#place = place;
  }

  /** The theme or the fonts changed: read colours and measure texts again. */
  forget(): void {
    this.#brush = null;
  }

  /** What to draw with; null as long as there is no room to draw in. */
  brush(): Brush | null {
    const [width, height, scale] = [this.#place.clientWidth, this.#place.clientHeight, devicePixelRatio];
    if (width === 0 || height === 0) return null;
    const context = this.#canvas.getContext("2d", { alpha: false });
    if (context === null) return null;
    if (this.#brush === null || width !== this.width || height !== this.height || scale !== this.scale) {
      [this.width, this.height, this.scale] = [width, height, scale];
      this.#canvas.width = Math.round(width * scale);
      this.#canvas.height = Math.round(height * scale);
      this.#canvas.style.width = `${width}px`;
      this.#canvas.style.height = `${height}px`;
      this.#brush = new Brush(context, readPalette(), scale);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    return this.#brush;
  }
}
