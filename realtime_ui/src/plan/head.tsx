import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactElement, ReactNode } from "react";
import { api } from "../api/endpoints.ts";
import type { PlanHead } from "../api/types.ts";
import { formatShortMoment, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { Skeleton } from "../ui/states.tsx";
import { minutesWords, publisherWords, reasonsWords, waitingWords, operationWords, type Telling } from "./words.ts";

/** The plan in force: which one, since when, why, and what it comes to. */
export function PlanSummaryPanel({ head, telling }: { head: PlanHead; telling: Telling }): ReactElement | null {
  const { t, now, zone } = telling;
  const published = timeOf(head.published);
  if (head.id === null) return null;
  return (
    <section className="plan-summary" data-testid="plan-summary" data-number={head.number}>
      <p className="plan-sentence">
        <Link to="/plan/history/$id" params={{ id: String(head.id) }}>
          {t("plan.sentence", {
            number: head.number,
            time: published === null ? "–" : formatShortMoment(t, published, now, zone),
            who: publisherWords(t, head.published_by),
            reasons: head.reasons.length === 0 ? "none" : "some",
            why: reasonsWords(telling, head.reasons),
          })}
        </Link>
      </p>
      <Figures id={head.id} telling={telling} />
      {head.unplanned.length > 0 && <Unplanned list={head.unplanned} telling={telling} />}
    </section>
  );
}

function Figure({ name, children, note }: { name: string; children: ReactNode; note?: ReactNode }): ReactElement {
  return (
    <div className="plan-figure">
      <dt>{name}</dt>
      <dd>
        <strong>{children}</strong>
        {note !== undefined && note !== "" && <small>{note}</small>}
      </dd>
    </div>
  );
}

function Figures({ id, telling }: { id: number; telling: Telling }): ReactElement {
  const { t } = telling;
  const plan = useQuery({ queryKey: ["plan", id], queryFn: () => api.plan(id), placeholderData: (before) => before }).data;
  const blank = <Skeleton width="72px" height="24px" />;
  const metrics = plan?.metrics;
  return (
    <dl className="plan-figures">
      <Figure name={t("plan.late_orders")}>{plan === undefined ? blank : <span data-testid="plan-late-orders">{plan.late_orders}</span>}</Figure>
      <Figure name={t("plan.tardiness")} note={metrics !== undefined && metrics.most_tardy > 0 ? t("plan.worst", { duration: minutesWords(t, metrics.most_tardy) }) : ""}>
        {metrics === undefined ? blank : metrics.tardiness === 0 ? t("plan.late_none") : minutesWords(t, metrics.tardiness)}
      </Figure>
      <Figure name={t("plan.moved")} note={metrics !== undefined && metrics.moved + metrics.reassigned > 0 ? t("plan.reassigned_count", { reassigned: metrics.reassigned }) : ""}>
        {metrics === undefined ? blank : t("plan.moved_count", { moved: metrics.moved })}
      </Figure>
      {plan === undefined ? <Figure name={t("plan.waiting")}>{blank}</Figure> : plan.waiting !== null && <Figure name={t("plan.waiting")}>{waitingWords(t, plan)}</Figure>}
    </dl>
  );
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** What no plan holds, and why: somebody has to say what is missing. */
function Unplanned({ list, telling }: { list: readonly Record<string, unknown>[]; telling: Telling }): ReactElement {
  const { t } = telling;
  return (
    <details className="plan-unplanned">
      <summary>{t("plan.unplanned", { n: list.length })}</summary>
      <ul>
        {list.map((each, place) => (
          <li key={place}>
            {t("plan.unplanned_line", {
              what: operationWords(t, text(each["work_order"]) ?? null, typeof each["operation"] === "number" ? each["operation"] : null),
              why: wordOf(t, "unplanned", text(each["code"]) ?? ""),
            })}
          </li>
        ))}
      </ul>
    </details>
  );
}
