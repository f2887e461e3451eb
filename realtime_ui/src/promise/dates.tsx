import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import type { PromiseAnswer } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { useDesk } from "../desk/language.tsx";
import { formatDuration, formatMoment, formatNumber, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";

/** Who has to wait is told by name up to so many; the rest is counted. */
const NAMED = 8;
const MINUTE_MS = 60_000;

/** What the date stands on, and until when it holds. */
export function Basis({ answer }: { answer: PromiseAnswer }): ReactElement | null {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(answer.site);
  if (answer.basis === "stock") return null;
  if (answer.basis_because != null || answer.plan == null) {
    return (
      <p data-testid="basis">
        {t("promise.by_capacity")} {answer.basis_because != null && wordOf(t, "promise_why", answer.basis_because.code)}
      </p>
    );
  }
  const until = timeOf(answer.valid_until);
  return (
    <p className="faint" data-testid="basis">
      {answer.plan.number === null ? t("promise.by_no_plan") : t("promise.by_plan", { number: answer.plan.number })}
      {until !== null && <> {t("promise.valid", { time: formatMoment(t, until, now, zone) })}</>}
      {answer.plan.pending && <> {t("promise.pending")}</>}
    </p>
  );
}

/** The earlier date that others would pay for, and who they are. */
export function SoonerDate({ answer }: { answer: PromiseAnswer }): ReactElement | null {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(answer.site);
  const sooner = answer.with_cost;
  const at = timeOf(sooner?.at);
  if (sooner == null || at === null) return null;
  const more = sooner.later.length - NAMED;
  return (
    <section className="sooner" data-testid="sooner" aria-label={t("promise.sooner")}>
      <p>
        {t("promise.sooner")}: <strong>{formatMoment(t, at, now, zone)}</strong>
      </p>
      <p className="faint">
        {t("promise.sooner_terms", { priority: sooner.priority, cost: formatNumber(sooner.cost, t.language) })}
      </p>
      {sooner.later.length === 0 ? (
        <p>{t("promise.nobody_later")}</p>
      ) : (
        <ul>
          {sooner.later.slice(0, NAMED).map((each) => (
            <li key={`${each.order ?? ""} ${each.work_order}`}>
              {each.order === null ? each.work_order : <Link to="/orders/$number" params={{ number: each.order }}>{each.order}</Link>}
              {": "}
              {t("promise.later_by", { span: formatDuration(t, each.minutes * MINUTE_MS) })}
              {each.late_minutes > 0 && <strong> · {t("promise.late_then", { span: formatDuration(t, each.late_minutes * MINUTE_MS) })}</strong>}
            </li>
          ))}
          {more > 0 && <li>{t("promise.more_later", { n: more })}</li>}
        </ul>
      )}
    </section>
  );
}
