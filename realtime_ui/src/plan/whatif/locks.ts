import { useMutation, type UseMutationResult } from "@tanstack/react-query";
import { api } from "../../api/endpoints.ts";
import { tell } from "../../app/toasts.tsx";
import { reasonOf } from "../../ui/states.tsx";
import type { Bar } from "../gantt/bars.ts";
import { mayMove } from "../gantt/hand.ts";
import { operationWords, type Telling } from "../words.ts";

/** Why an operation is neither moved nor locked. */
export function stuckWords({ t }: Telling, { view }: Bar): string {
  return t("lock.not_now", { what: operationWords(t, view.work_order, view.operation) });
}

interface Wanted {
  bar: Bar;
  free: boolean;
}

/** Lock an operation to the machine that it is planned on, or free it again; the planner follows. */
export function useLocks(telling: Telling): (bar: Bar) => void {
  const { t, machine } = telling;
  const change: UseMutationResult<void, Error, Wanted> = useMutation({
    mutationFn: async ({ bar, free }: Wanted) => {
      if (free) await api.freeOperation(bar.id);
      else await api.lockOperation(bar.id, { machine: bar.view.machine ?? "" });
    },
    onSuccess: (_, { bar, free }) => {
      const what = operationWords(t, bar.view.work_order, bar.view.operation);
      const undo = (): void => { change.mutate({ bar, free: !free }); };
      tell(free ? t("lock.freed", { what }) : t("lock.locked", { what, machine: machine(bar.view.machine ?? "") }), { undo });
    },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
  });
  return (bar) => {
    if (!mayMove(bar)) tell(stuckWords(telling, bar), { bad: true });
    else if (!change.isPending) change.mutate({ bar, free: bar.view.pin === "locked" });
  };
}
