import type { ReactElement } from "react";
import { useT } from "../i18n/staff.tsx";
import { Skeleton } from "../ui/states.tsx";
import "./plan.css";

/** The page's own layout, grey. `bare`: its head is there already. */
export function PlanSkeleton({ bare = false }: { bare?: boolean }): ReactElement {
  const t = useT();
  return (
    <div className="plan" aria-busy="true">
      <p className="hidden-words">{t("state.loading")}</p>
      {!bare && (
        <header className="plan-head">
          <Skeleton width="96px" height="32px" />
          <Skeleton width="180px" height="24px" />
        </header>
      )}
      <section className="plan-summary">
        <Skeleton width="min(560px, 90%)" height="24px" />
        <div className="plan-figures">
          {[0, 1, 2, 3].map((place) => (
            <div key={place} className="plan-figure">
              <Skeleton width="96px" height="16px" />
              <Skeleton width="64px" height="28px" />
            </div>
          ))}
        </div>
      </section>
      <div className="plan-work">
        <div className="gantt-frame">
          <div className="gantt gantt-skeleton">
            {[0.4, 0.7, 0.55, 0.85, 0.3, 0.6, 0.75].map((width, place) => (
              <div key={place}>
                <Skeleton width="140px" height="20px" />
                <Skeleton width={`${width * 70}%`} height="24px" />
              </div>
            ))}
          </div>
        </div>
        <aside className="feed">
          {[0, 1, 2, 3].map((place) => (
            <Skeleton key={place} width="100%" height="56px" />
          ))}
        </aside>
      </div>
    </div>
  );
}
