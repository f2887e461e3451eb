/** What a drawing takes from the page's styles: set in the file, which has none. */
const TAKEN = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "paint-order", "visibility"] as const;
const HEAD = 44;
const EDGE = 16;
/** A picture is made for print as well: two pixels for one. */
const SCALE = 2;

/** A chart as an SVG file of its own: with its heading, and the colours that it is shown in. */
export function svgFile(svg: SVGSVGElement, heading: string, below: string): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const seen = [svg, ...svg.querySelectorAll<SVGElement>("*")];
  const made = [copy, ...copy.querySelectorAll<SVGElement>("*")];
  seen.forEach((element, index) => {
    const look = getComputedStyle(element);
    const twin = made[index];
    if (twin === undefined) return;
    twin.removeAttribute("class");
    twin.removeAttribute("style");
    for (const name of TAKEN) twin.setAttribute(name, look.getPropertyValue(name));
  });
  // What answers to pointers is no part of a picture.
  copy.querySelectorAll("[data-mark]").forEach((mark) => { mark.remove(); });
  const width = svg.clientWidth + 2 * EDGE;
  const height = svg.clientHeight + HEAD + 2 * EDGE;
  const look = getComputedStyle(svg);
  const card = getComputedStyle(svg.closest(".report-card") ?? document.body);
  const whole = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const add = (name: string, attributes: Record<string, string>, text?: string): void => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    whole.append(element);
  };
  for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) whole.setAttribute(key, String(value));
  add("rect", { width: String(width), height: String(height), fill: card.backgroundColor });
  const ink = { fill: card.color, "font-family": look.fontFamily };
  add("text", { x: String(EDGE), y: String(EDGE + 14), "font-size": "18", "font-weight": "700", ...ink }, heading);
  add("text", { x: String(EDGE), y: String(EDGE + 34), "font-size": "13", ...ink }, below);
  copy.setAttribute("x", String(EDGE));
  copy.setAttribute("y", String(EDGE + HEAD));
  whole.append(copy);
  return new XMLSerializer().serializeToString(whole);
}

/** The same as a PNG file. Rejects when the browser cannot draw it. */
export async function pngFile(text: string): Promise<Blob> {
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth * SCALE;
  canvas.height = picture.naturalHeight * SCALE;
  const drawing = canvas.getContext("2d");
  if (drawing === null) throw new Error("this browser has no canvas to draw a picture on");
  drawing.scale(SCALE, SCALE);
  drawing.drawImage(picture, 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error("this browser made no picture of the chart"));
      else resolve(blob);
    }, "image/png");
  });
}
