import { Link } from "@tanstack/react-router";
import { Fragment, type ReactElement } from "react";
import type { DocumentProblem, TakenDocument } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { useDesk } from "../desk/language.tsx";
import { Table, type TableRow } from "../desk/table.tsx";
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
    <>
      <Table
        label={t("import.orders")}
        testid="import-orders"
        columns={[
          { key: "number", label: t("import.number"), title: true },
          { key: "outcome", label: t("import.outcome") },
          { key: "customer", label: t("orders.customer") },
          { key: "line", label: t("order.line") },
          { key: "item", label: t("orders.item") },
          { key: "quantity", label: t("import.quantity"), number: true },
          { key: "due", label: t("orders.due") },
        ]}
        rows={documents.slice(0, SHOWN).flatMap((document, place) => {
          const lines: (TakenDocument["lines"][number] | null)[] = document.lines.length === 0 ? [null] : document.lines;
          return lines.map((line, row): TableRow => {
            const due = timeOf(line?.due);
            const first = row === 0;
            return {
              key: `${place} ${row}`,
              className: first ? "row-first" : "row-further",
              cells: [
                first ? <DocumentName key="name" document={document} /> : null,
                first ? (
                  <Fragment key="outcome">
                    <strong>{wordOf(t, "outcome", document.outcome)}</strong>
                    {document.state != null && <> · {wordOf(t, "stage", document.state)}</>}
                    {document.reasons.map((reason) => (
                      <p key={reason} className="faint">
                        {t.has(`finding_name.${reason}`) ? wordOf(t, "finding_name", reason) : (named.get(reason) ?? reason)}
                      </p>
                    ))}
                  </Fragment>
                ) : null,
                first ? (
                  <Fragment key="customer">
                    {document.customer_name ?? document.customer ?? "–"}
                    {document.customer_provisional === true && <p className="faint">{t("import.unknown_customer")}</p>}
                  </Fragment>
                ) : null,
                line === null ? null : (line.position ?? line.number),
                line === null ? null : (
                  <Fragment key="item">
                    {line.item_name}
                    {line.item_provisional && <p className="faint">{t("import.unknown_item")}</p>}
                  </Fragment>
                ),
                line === null ? null : `${formatNumber(line.quantity, t.language)} ${formatUnit(t, line.unit, line.quantity)}`,
                line === null ? null : due === null ? "–" : formatMoment(t, due, now, zone),
              ],
            };
          });
        })}
      />
      {documents.length > SHOWN && <p className="faint">{t("import.more_orders", { n: documents.length - SHOWN })}</p>}
    </>
  );
}

function DocumentName({ document }: { document: TakenDocument }): ReactElement {
  return (
    <>
      {document.order === null ? document.number : <Link to="/orders/$number" params={{ number: document.order }}>{document.order}</Link>}
      {document.order !== null && document.order !== document.number && <span className="faint"> ({document.number})</span>}
    </>
  );
}
