/** The values that a text is made with. */
export type Params = Readonly<Record<string, string | number>>;

/** One field that the server found wrong. */
export interface FieldProblem {
  field: string;
  value?: unknown;
  problem: string;
  /** The same for programs; empty: there are the server's words only. */
  code: string;
  params: Params;
}

/** What the server answered instead of what was asked for (RFC 9457). */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly errors: readonly FieldProblem[];
  /** What `detail` says, for programs; empty: the server is older, or a proxy answered. */
  readonly code: string;
  readonly params: Params;

  constructor(status: number, title: string, detail: string, errors: readonly FieldProblem[] = [], code = "", params: Params = {}) {
    super(detail === "" ? title : `${title}: ${detail}`);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.errors = errors;
    this.code = code;
    this.params = params;
  }
}

/** The server could not be reached at all. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function paramsOf(value: unknown): Params {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string | number] => typeof entry[1] === "string" || typeof entry[1] === "number"));
}

export function fieldProblemsOf(value: unknown): FieldProblem[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return [];
    const { field, problem, value: given, code, params } = entry as Record<string, unknown>;
    return [{ field: text(field), problem: text(problem), value: given, code: text(code), params: paramsOf(params) }];
  });
}

/** The problem that a response tells, whatever its body is. */
export async function problemOf(response: Response): Promise<Problem> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // A proxy answered with a page of its own: the status has to do.
  }
  const record = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const title = text(record["title"]);
  return new Problem(response.status, title === "" ? response.statusText : title, text(record["detail"]), fieldProblemsOf(record["errors"]), text(record["code"]), paramsOf(record["params"]));
}

/** Ask the server; `null` for an empty answer. A file goes as it is. Rejects with Problem or Unreachable. */
export async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
  const response = await answerTo(method, path, body, signal);
  return response.status === 204 ? null : response.json();
}

/** Get what is no JSON, as text. Rejects with Problem or Unreachable. */
export async function askText(path: string): Promise<string> {
  return (await answerTo("GET", path)).text();
}

async function answerTo(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  const raw = body instanceof Blob;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": raw ? "application/octet-stream" : "application/json" }) },
      ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable("the server cannot be reached", { cause: error });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}
