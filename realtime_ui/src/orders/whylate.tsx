import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import type { OrderView } from "../api/types.ts";
import { useMachineName } from "../app/machines.ts";
import { useDesk } from "../desk/language.tsx";
import { becauseWords } from "./words.ts";

/** The chain of causes that makes the plan end an order late, the last link first. */
export function WhyLate({ order }: { order: OrderView }): ReactElement | null {
  const t = useDesk();
  const nameOf = useMachineName();
  const chain = order.late_because ?? [];
  if (chain.length === 0) return null;
  return (
    <section className="why-late" aria-labelledby="why-late" data-testid="why-late">
      <h2 id="why-late" className="section">
        {t("order.why_late")}
      </h2>
      <ol>
        {chain.map((link, place) => (
          <li key={place}>
            <span className="why-step">{t("order.why.step", { work_order: link.work_order ?? "", operation: link.operation ?? "" })}</span>
            <span>{becauseWords(t, link, nameOf)}</span>
          </li>
        ))}
      </ol>
      <Link to="/plan" search={{ scope: order.site, why: order.number, order: order.number }} className="button" data-testid="why-helps">
        {t("order.why_helps")}
      </Link>
    </section>
  );
}
