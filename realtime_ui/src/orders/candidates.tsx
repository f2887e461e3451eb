import type { ReactElement } from "react";
import type { WorkOrderPegs } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { useDesk } from "../desk/language.tsx";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { useNow } from "../ui/clock.ts";

interface CandidatesProps {
  candidates: WorkOrderPegs["candidates"];
  site: string;
  chosen: ReadonlySet<number>;
  choose: (chosen: ReadonlySet<number>) => void;
}

/** The work orders that make the same in the same way: which of them are put together is the planner's. */
export function Candidates({ candidates, site, chosen, choose }: CandidatesProps): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(site);
  if (candidates.length === 0) return <p className="faint">{t("rearrange.none_alike")}</p>;
  const all = candidates.every((each) => chosen.has(each.id));
  return (
    <fieldset className="candidates" data-testid="candidates">
      <legend>{t("rearrange.choose")}</legend>
      {candidates.length > 1 && (
        <label className="check">
          <input type="checkbox" checked={all} onChange={() => { choose(all ? new Set() : new Set(candidates.map((each) => each.id))); }} />
          <span>{t("rearrange.choose_all", { n: candidates.length })}</span>
        </label>
      )}
      {candidates.map((each) => {
        const due = timeOf(each.due);
        return (
          <label key={each.id} className="check">
            <input
              type="checkbox"
              checked={chosen.has(each.id)}
              onChange={() => {
                const next = new Set(chosen);
                if (!next.delete(each.id)) next.add(each.id);
                choose(next);
              }}
              data-testid={`merge-${each.number}`}
            />
            <span>
              <strong>{each.number}</strong> · {formatNumber(each.quantity, t.language)} {formatUnit(t, each.unit, each.quantity)}
              <span className="faint">
                {" "}
                · {due === null ? t("order.no_due") : t("order.due", { date: formatMoment(t, due, now, zone) })}
                {each.lines.length > 0 && <> · {[...new Set(each.lines.map((line) => `${line.order} ${line.customer}`))].join(", ")}</>}
              </span>
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}
