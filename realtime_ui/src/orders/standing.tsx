import type { ReactElement } from "react";
import type { OrderView } from "../api/types.ts";
import { useT } from "../i18n/staff.tsx";
import { Glyph } from "../ui/glyph.tsx";
import { latenessWords, riskOf } from "./words.ts";

/** How late or early, in words; late work has the mark that it has on the floor. */
export function Lateness({ order }: { order: OrderView }): ReactElement {
  const t = useT();
  const words = latenessWords(t, order.lateness_minutes);
  if (words === null || order.state === "cancelled") return <span className="faint">–</span>;
  const risk = riskOf(order);
  return (
    <span className={`lateness lateness-${risk}`}>
      {risk !== "none" && <Glyph name={risk === "late" ? "late" : "waiting"} />}
      {words}
    </span>
  );
}

const BAR_STAGES = ["received", "released", "in_production", "produced"] as const;

/** One cell per stage; the one of production fills as pieces come. */
export function StageBar({ order }: { order: OrderView }): ReactElement {
  const here = order.state === "cancelled" ? -1 : order.state === "produced" ? 4 : order.state === "in_production" ? 2 : order.state === "released" ? 1 : 0;
  return (
    <span className="stagebar" aria-hidden="true">
      {BAR_STAGES.map((stage, place) => {
        const filled = place < here || here === 4 ? 1 : place === here ? (stage === "in_production" ? order.percent / 100 : 0.5) : 0;
        return (
          <span key={stage} className={`stagebar-cell stagebar-${stage}`}>
            <span style={{ transform: `scaleX(${filled})` }} />
          </span>
        );
      })}
    </span>
  );
}
