import { useMutation, useQueryClient, type UseMutationResult } from "@tanstack/react-query";
import { tell } from "../app/toasts.tsx";
import { reasonOf } from "../ui/states.tsx";
import { useReportWords } from "./language.tsx";
import { giveReason, undoReasons, type Stop } from "./stopsapi.ts";

interface Giving {
  stop: Stop;
  /** Null: what people said of that time is taken back. */
  reason: string | null;
  note: string | null;
  /** What the reason is called. */
  name: string;
}

/** Gives a reason and tells that it is given, with the way back. */
export function useGiving(machine: string): UseMutationResult<number[], unknown, Giving> {
  const t = useReportWords();
  const queries = useQueryClient();
  const settle = (): void => {
    void queries.invalidateQueries({ queryKey: ["stops", machine] });
    void queries.invalidateQueries({ queryKey: ["report"] });
  };
  return useMutation({
    // A machine that stands still is explained up to now: who knows what comes.
    mutationFn: ({ stop, reason, note }) => giveReason(machine, stop.from, stop.until ?? new Date().toISOString(), reason, note),
    onSuccess: (ids, { reason, name }) => {
      tell(reason === null ? t("stops.taken_back") : t("stops.given", { reason: name }), {
        undo: () => {
          undoReasons(ids).then(
            () => { tell(t("stops.undone")); },
            (error: unknown) => { tell(reasonOf(t, error), { bad: true }); },
          ).finally(settle);
        },
      });
    },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: settle,
  });
}
