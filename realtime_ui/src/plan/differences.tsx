import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactElement, type ReactNode } from "react";
import { api } from "../api/endpoints.ts";
import type { PlanDifferences } from "../api/types.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { operationDifferenceWords, orderDifferenceWords, type Telling } from "./words.ts";

/** So many lines at first: a plan may move a thousand operations. */
const FIRST_ROWS = 20;

export function useDifferences(id: number): ReturnType<typeof useQuery<PlanDifferences>> {
  return useQuery({ queryKey: ["plan", id, "differences"], queryFn: () => api.planDifferences(id) });
}

/** What a plan changes against the one it stands on, in words: orders first. */
export function Differences({ id, telling }: { id: number; telling: Telling }): ReactElement {
  const { t } = telling;
  const differences = useDifferences(id);
  if (differences.isError) return <Failed what={t("version.differences_failed")} error={differences.error} retry={() => void differences.refetch()} />;
  if (differences.data === undefined) {
    return (
      <div className="differences" aria-busy="true">
        {[80, 64, 72].map((width) => (
          <Skeleton key={width} width={`${width}%`} height="24px" />
        ))}
      </div>
    );
  }
  const { orders, operations } = differences.data;
  return (
    <div className="differences" tabIndex={0} role="region" aria-label={t("version.orders")}>
      <h3>{t("version.orders")}</h3>
      <Lines t={telling.t} none={t("version.none_moved")} testId="order-difference">
        {orders.map((each) => (
          <Link key={each.order} to="/orders/$number" params={{ number: each.order }}>
            {orderDifferenceWords(telling, each)}
          </Link>
        ))}
      </Lines>
      <h3>{t("version.operations")}</h3>
      <Lines t={telling.t} none={t("version.no_operations")} testId="operation-difference">
        {operations.map((each) => (
          <span key={each.operation_id}>{operationDifferenceWords(telling, each)}</span>
        ))}
      </Lines>
    </div>
  );
}

function Lines({ t, none, testId, children }: { t: Telling["t"]; none: string; testId: string; children: readonly ReactNode[] }): ReactElement {
  const [all, setAll] = useState(false);
  if (children.length === 0) return <p className="faint">{none}</p>;
  const shown = all ? children : children.slice(0, FIRST_ROWS);
  return (
    <>
      <ul className="difference-list">
        {shown.map((line, place) => (
          <li key={place} data-testid={testId}>
            {line}
          </li>
        ))}
      </ul>
      {shown.length < children.length && (
        <button type="button" className="button button-quiet" onClick={() => { setAll(true); }}>
          {t("version.show_all", { n: children.length })}
        </button>
      )}
    </>
  );
}
