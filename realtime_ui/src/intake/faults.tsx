import type { ReactElement } from "react";
import type { DocumentProblem } from "../api/types.ts";
import { useDesk, type DeskTranslator } from "../desk/language.tsx";
import { wordOf } from "../i18n/translator.ts";

const CELL = /^row (\d+), column "(.*)"$/;
const ROW = /^row (\d+)$/;

/** Where in the file it stands: a table's cell in words, a message's segment as its standard names it. */
export function placeWords(t: DeskTranslator, place: string): string {
  const cell = CELL.exec(place);
  if (cell !== null) return t("import.place_cell", { row: cell[1] ?? "", column: cell[2] ?? "" });
  const row = ROW.exec(place);
  if (row !== null) return t("import.place_row", { row: row[1] ?? "" });
  return place === "whole file" ? t("import.place_file") : place;
}

/** What is wrong, by name in the reader's language, and exactly in the words of whoever read the file. */
export function FaultWords({ problem }: { problem: Pick<DocumentProblem, "code" | "place" | "value" | "problem"> }): ReactElement {
  const t = useDesk();
  const named = t.has(`document_fault.${problem.code}`);
  return (
    <>
      {named && <strong>{wordOf(t, "document_fault", problem.code)} </strong>}
      <code>{placeWords(t, problem.place)}</code>
      {problem.value !== null && <> “{problem.value}”</>}{" "}
      <span lang="en" className={named && t.language !== "en" ? "faint" : undefined}>
        {problem.problem}
      </span>
    </>
  );
}
