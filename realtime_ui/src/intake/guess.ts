import type { DocumentProblem, Format } from "../api/types.ts";

/** What a file most likely is, by its first bytes, else by its name; null: nobody can say. */
export function guessFormat(name: string, head: Uint8Array): Format | null {
  const ending = name.toLowerCase().split(".").at(-1) ?? "";
  // "PK": a workbook is a ZIP file.
  if (head[0] === 0x50 && head[1] === 0x4b) return "xlsx";
  const text = new TextDecoder().decode(head).replace(/^\uFEFF/, "").trimStart();
  if (text.startsWith("ISA")) return "x12";
  if (text.startsWith("UNA") || text.startsWith("UNB")) return "edifact";
  if (text.startsWith("<")) return /IDOC/i.test(text) || ending === "xml" ? "sap-idoc" : null;
  if (text.startsWith("{") || text.startsWith("[")) {
    if (/"(FBillNo|FBillNO|FID|FEntity|FSaleOrderEntry|FDate)"/.test(text)) return "kingdee";
    if (/"(vouchdate|cSOCode|orderDetails|bustype|agentId|vbillcode)"/.test(text)) return "yonyou";
    if (/"(line_items|order_number|shopify|admin_graphql_api_id)"/.test(text)) return "shopify";
    return null;
  }
  const byName: Record<string, Format> = { csv: "csv", txt: "csv", tsv: "csv", xlsx: "xlsx", edi: "edifact", x12: "x12", xml: "sap-idoc" };
  return byName[ending] ?? null;
}

/** Whether a format has columns that somebody may have to name. */
export function isTable(format: Format | null): format is "csv" | "xlsx" {
  return format === "csv" || format === "xlsx";
}

/** Errors first, then warnings, then notes; each place once as the file has it. */
export function sortedProblems(problems: readonly DocumentProblem[]): DocumentProblem[] {
  const rank = { error: 0, warning: 1, note: 2 } as const;
  const seen = new Set<string>();
  return [...problems]
    .filter((problem) => {
      const key = `${problem.code} ${problem.place} ${problem.document ?? ""} ${problem.problem}`;
      return seen.size < seen.add(key).size;
    })
    .sort((left, right) => rank[left.severity] - rank[right.severity]);
}
