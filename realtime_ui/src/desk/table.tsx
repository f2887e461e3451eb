import type { ReactElement, ReactNode } from "react";

export interface Column {
  key: string;
  label: string;
  number?: boolean;
  /** Names the row: on a phone, where rows are cards, it is the card's heading. */
  title?: boolean;
}

export interface TableRow {
  key: string;
  /** One per column, in their order; null: an empty one, which a card leaves out. */
  cells: readonly ReactNode[];
  className?: string;
  testid?: string;
}

interface TableProps {
  label: string;
  columns: readonly Column[];
  rows: readonly TableRow[];
  testid?: string;
}

/** A table on a desk, a card for each row on a phone: the same elements, so a screen reader hears a table. */
export function Table({ label, columns, rows, testid }: TableProps): ReactElement {
  return (
    <div className="scroll-x" role="region" aria-label={label} tabIndex={0}>
      <table className="table table-cards" data-testid={testid}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" className={column.number === true ? "number" : undefined}>
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key} className={row.className} data-testid={row.testid}>
              {columns.map((column, place) => {
                const cell = row.cells[place];
                const empty = cell === null || cell === undefined || cell === "";
                return (
                  <td key={column.key} className={[column.number === true ? "number" : "", column.title === true ? "cell-title" : "", empty ? "cell-empty" : ""].filter((name) => name !== "").join(" ")} data-label={column.label}>
                    <div>{cell}</div>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
