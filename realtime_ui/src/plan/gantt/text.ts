const KEPT = 4_000;

/** Fits texts into the room they have; remembers, since the same ones are drawn sixty times a second. */
export class TextFitter {
  /** The context's font: to read it back from there takes as long as to draw. */
  font = "";
  readonly #context: CanvasRenderingContext2D;
  readonly #widths = new Map<string, number>();
  readonly #fitted = new Map<string, string>();

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
  }

  /** The width of a text in the context's present font. */
  width(text: string): number {
    const key = `${this.font}\n${text}`;
    let width = this.#widths.get(key);
    if (width === undefined) {
      width = this.#context.measureText(text).width;
      if (this.#widths.size > KEPT) this.#widths.clear();
      this.#widths.set(key, width);
    }
    return width;
  }

  /** As much of a text as fits; empty when not even three letters do. */
  fit(text: string, room: number): string {
    const width = this.width(text);
    if (width <= room) return text;
    const key = `${this.font}\n${Math.floor(room / 4)}\n${text}`;
    let fitted = this.#fitted.get(key);
    if (fitted === undefined) {
      const letters = Array.from(text);
      let count = Math.floor((letters.length * room) / width);
      while (count > 2 && this.#context.measureText(`${letters.slice(0, count).join("")}…`).width > room) count -= 1;
      fitted = count > 2 ? `${letters.slice(0, count).join("").trimEnd()}…` : "";
      if (this.#fitted.size > KEPT) this.#fitted.clear();
      this.#fitted.set(key, fitted);
    }
    return fitted;
  }
}
