/** Whether a text means itself in YAML 1.1 and 1.2 without quotes. */
const PLAIN = /^[A-Za-z\u4e00-\u9fff_][\w\u4e00-\u9fff ,.;()/%+-]*$/;
const WORDS = /^(true|false|yes|no|on|off|null|y|n)$/i;

function scalar(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // A comment begins with " #", a mapping with ": ": PLAIN holds neither.
  if (PLAIN.test(text) && !WORDS.test(text) && text.trim() === text) return text;
  // JSON's text is YAML's as well.
  return JSON.stringify(text);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null && !Array.isArray(value);

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (isRecord(value)) return `{${Object.entries(value).map(([name, each]) => `${name}: ${flow(each)}`).join(", ")}}`;
  const text = scalar(value);
  return text.includes(",") && !text.startsWith('"') ? JSON.stringify(text) : text;
}

const WIDTH = 96;

function lines(value: Readonly<Record<string, unknown>>, indent: string): string[] {
  return Object.entries(value).flatMap(([name, each]) => {
    const short = isRecord(each) || Array.isArray(each) ? flow(each) : scalar(each);
    if (short.length + name.length + indent.length <= WIDTH && !(Array.isArray(each) && each.some(isRecord))) return [`${indent}${name}: ${short}`];
    if (Array.isArray(each)) return [`${indent}${name}:`, ...each.flatMap((one) => item(one, `${indent}  `))];
    if (isRecord(each)) return [`${indent}${name}:`, ...lines(each, `${indent}  `)];
    return [`${indent}${name}: ${short}`];
  });
}

function item(value: unknown, indent: string): string[] {
  if (!isRecord(value)) return [`${indent}- ${flow(value)}`];
  const short = flow(value);
  if (short.length + indent.length + 2 <= WIDTH && indent !== "  ") return [`${indent}- ${short}`];
  const told = lines(value, `${indent}  `);
  return told.map((line, place) => (place === 0 ? `${indent}- ${line.trimStart()}` : line));
}

/** One definition as the YAML text that an import takes. */
export function yamlOf(kind: string, body: Readonly<Record<string, unknown>>): string {
  return `${[`${kind}:`, ...item(body, "  ")].join("\n")}\n`;
}

/** Where in a text a line and column lie, from 1 each. */
export function placeIn(text: string, line: number, column: number): number {
  const rows = text.split("\n");
  const before = rows.slice(0, Math.max(0, line - 1)).reduce((sum, row) => sum + row.length + 1, 0);
  return Math.min(text.length, before + Math.max(0, column - 1));
}
