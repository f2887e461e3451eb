import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import type { DocumentProblem, TakenDocument } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { useDesk } from "../desk/language.tsx";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { FaultWords } from "./faults.tsx";
import { sortedProblems } from "./guess.ts";

const SHOWN = 200;

/** Everything that is not as it should be, and where. */
export function Problems({ problems }: { problems: readonly DocumentProblem[] }): ReactElement | null {
  const t = useDesk();
  const sorted = sortedProblems(problems);
  if (sorted.length === 0) return null;
  return (
    <section aria-label={t("import.problems")}>
      <h3>{t("import.problems_n", { n: sorted.length })}</h3>
      <ul className="problems" data-testid="problems">
        {sorted.slice(0, SHOWN).map((problem, place) => (
          <li key={place} className="problem">
            <Glyph name={problem.severity === "error" ? "down" : "waiting"} />
            <p>
              <span className="faint">{wordOf(t, "severity", problem.severity)}</span> <FaultWords problem={problem} />
            </p>
          </li>
        ))}
      </ul>
      {sorted.length > SHOWN && <p className="faint">{t("import.more_problems", { n: sorted.length - SHOWN })}</p>}
    </section>
  );
}

/** What would become, or became, of each document, line by line. */
export function Taken({ documents, problems }: { documents: readonly TakenDocument[]; problems: readonly DocumentProblem[] }): ReactElement | null {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(documents[0]?.site ?? "");
  if (documents.length === 0) return null;
  // A refused document tells the words of its first fault: their name is what people read.
  const named = new Map(problems.filter((each) => t.has(`document_fault.${each.code}`)).map((each) => [each.problem, wordOf(t, "document_fault", each.code)]));
  return (
    <div className="scroll-x" role="region" aria-label={t("import.orders")} tabIndex={0}>
      <table className="table" data-testid="import-orders">
        <thead>
          <tr>
            <th scope="col">{t("import.number")}</th>
            <th scope="col">{t("import.outcome")}</th>
            <th scope="col">{t("orders.customer")}</th>
            <th scope="col">{t("order.line")}</th>
            <th scope="col">{t("orders.item")}</th>
            <th scope="col" className="number">{t("import.quantity")}</th>
            <th scope="col">{t("orders.due")}</th>
          </tr>
        </thead>
        <tbody>
          {documents.slice(0, SHOWN).flatMap((document, place) => {
            const rows: (TakenDocument["lines"][number] | null)[] = document.lines.length === 0 ? [null] : document.lines;
            return rows.map((line, row) => {
              const due = timeOf(line?.due);
              return (
                <tr key={`${place} ${row}`}>
                  {row === 0 && (
                    <>
                      <td rowSpan={rows.length}>
                        {document.order === null ? document.number : <Link to="/orders/$number" params={{ number: document.order }}>{document.order}</Link>}
                        {document.order !== null && document.order !== document.number && <span className="faint"> ({document.number})</span>}
                      </td>
                      <td rowSpan={rows.length}>
                        <strong>{wordOf(t, "outcome", document.outcome)}</strong>
                        {document.state != null && <> · {wordOf(t, "stage", document.state)}</>}
                        {document.reasons.map((reason) => (
                          <p key={reason} className="faint">
                            {t.has(`finding_name.${reason}`) ? wordOf(t, "finding_name", reason) : (named.get(reason) ?? reason)}
                          </p>
                        ))}
                      </td>
                      <td rowSpan={rows.length}>
                        {document.customer_name ?? document.customer ?? "–"}
                        {document.customer_provisional === true && <p className="faint">{t("import.unknown_customer")}</p>}
                      </td>
                    </>
                  )}
                  <td>{line?.position ?? line?.number ?? "–"}</td>
                  <td>
                    {line === null ? "–" : line.item_name}
                    {line?.item_provisional === true && <p className="faint">{t("import.unknown_item")}</p>}
                  </td>
                  <td className="number">{line === null ? "–" : `${formatNumber(line.quantity, t.language)} ${formatUnit(t, line.unit, line.quantity)}`}</td>
                  <td>{due === null ? "–" : formatMoment(t, due, now, zone)}</td>
                </tr>
              );
            });
          })}
        </tbody>
      </table>
      {documents.length > SHOWN && <p className="faint">{t("import.more_orders", { n: documents.length - SHOWN })}</p>}
    </div>
  );
}
