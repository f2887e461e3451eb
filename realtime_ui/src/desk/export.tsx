import { useMutation } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { tell } from "../app/toasts.tsx";
import { csvOf, download, type Cell } from "../ui/csv.ts";
import { reasonOf } from "../ui/states.tsx";
import { useDesk } from "./language.tsx";

/** So many rows of a list are asked for at once; more than MOST no spreadsheet is made of. */
const AT_ONCE = 200;
const MOST = 20_000;

/** All rows of a list that comes in pages. */
export async function everyRow<Row>(load: (page: { limit: number; offset: number }) => Promise<{ items: readonly Row[]; total: number }>): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const { items, total } = await load({ limit: AT_ONCE, offset: rows.length });
    rows.push(...items);
    if (items.length === 0 || rows.length >= Math.min(total, MOST)) return rows;
  }
}

interface ExportProps<Row> {
  /** The file's name, without its ending. */
  name: string;
  headings: readonly string[];
  load: (page: { limit: number; offset: number }) => Promise<{ items: readonly Row[]; total: number }>;
  cells: (row: Row) => readonly Cell[];
}

/** The whole list as a file: what the screen shows, with plain numbers and times. */
export function ExportButton<Row>({ name, headings, load, cells }: ExportProps<Row>): ReactElement {
  const t = useDesk();
  const make = useMutation({
    mutationFn: async () => csvOf([headings, ...(await everyRow(load)).map(cells)]),
    onSuccess: (content) => { download(`${name}.csv`, content); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
  });
  return (
    <button type="button" className="button button-quiet" disabled={make.isPending} onClick={() => { make.mutate(); }} title={t("desk.export_title")} data-testid="export-csv">
      CSV
    </button>
  );
}
