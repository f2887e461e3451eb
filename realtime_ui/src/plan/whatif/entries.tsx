import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../../api/endpoints.ts";
import type { PlanEntry } from "../../api/types.ts";
import { tell } from "../../app/toasts.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { reasonOf } from "../../ui/states.tsx";
import type { Telling } from "../words.ts";
import { entriesWords, entryWords, refusedWords } from "./words.ts";

/** What publishing a draft enters as things are now; what cannot be, with the reason. */
export function useEntries(plan: number): readonly PlanEntry[] {
  return useQuery({ queryKey: ["entries", plan], queryFn: () => api.planEntries(plan), staleTime: 0 }).data?.items ?? [];
}

/** What publishing the draft enters, and what stands in its way. */
export function EntryList({ entries, telling }: { entries: readonly PlanEntry[]; telling: Telling }): ReactElement | null {
  const { t } = telling;
  const enters = entries.filter((entry) => entry.state === "to_enter");
  const refused = entries.filter((entry) => entry.state === "refused");
  return (
    <>
      {enters.length > 0 && (
        <p data-testid="whatif-enters">
          <strong>{t("entry.enters")}</strong> {entriesWords(telling, enters).join("; ")}
        </p>
      )}
      {refused.length > 0 && (
        <p className="whatif-note" data-testid="whatif-refuses">
          {refused.map((entry) => refusedWords(telling, entry)).join(" ")}
        </p>
      )}
    </>
  );
}

/** Of a plan that was published: what was entered with it, and the way back. */
export function EnteredPart({ plan, mayPlan, telling }: { plan: number; mayPlan: boolean; telling: Telling }): ReactElement | null {
  const { t } = telling;
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const entries = useEntries(plan).filter((entry) => ["entered", "taken_back", "changed"].includes(entry.state));
  const back = useMutation({
    mutationFn: () => api.takeBackEntries(plan),
    onSuccess: () => { tell(t("entry.taken_back_done")); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: ["entries", plan] }),
  });
  if (entries.length === 0) return null;
  return (
    <section className="version-part" data-testid="entered">
      <h2>{t("entry.title")}</h2>
      <ul className="difference-list">
        {entries.map((entry, place) => (
          <li key={place}>
            {entryWords(telling, entry)}
            {entry.state !== "entered" && <strong> · {entry.state === "changed" ? t("entry.changed") : t("entry.taken_back")}</strong>}
          </li>
        ))}
      </ul>
      {mayPlan && entries.some((entry) => entry.state === "entered") && (
        <div className="draft-actions">
          <button type="button" className="button" disabled={back.isPending} onClick={() => { setAsking(true); }} data-testid="take-back">
            {t("entry.take_back")}
          </button>
        </div>
      )}
      {asking && <Confirm title={t("entry.take_back_title")} text={t("entry.take_back_text")} action={t("entry.take_back")} close={() => { setAsking(false); }} confirm={() => { back.mutate(); }} />}
    </section>
  );
}
