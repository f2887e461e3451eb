import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { api } from "../../api/endpoints.ts";
import { Problem } from "../../api/problem.ts";
import type { Comparison, Draft, DraftChange, DraftSummary, NewDraft } from "../../api/types.ts";
import { tell } from "../../app/toasts.tsx";
import { reasonOf } from "../../ui/states.tsx";
import { ghostsOf, type Ghosts } from "../gantt/ghosts.ts";
import type { Held } from "../gantt/hand.ts";
import type { PlanStore } from "../store.ts";
import { operationWords, type Telling } from "../words.ts";

const LOOK_AGAIN_MS = 30_000;
/** So long a better plan is looked for where all is planned anew. */
export const IMPROVE_MS = 1_000;

type Settle = "plan" | "shift";

/** What was done at once: several changes of a dialogue, or one drag. */
export interface Step {
  changes: readonly DraftChange[];
  settle: Settle;
}

/** How the draft that is looked at came about here, so that its last step can be taken back. */
interface Made {
  draft: Draft;
  /** In order; null: it was built on one that somebody made elsewhere. */
  steps: readonly Step[] | null;
}

export interface Drafting {
  drafts: readonly DraftSummary[];
  /** The draft that is looked at. */
  draft: DraftSummary | null;
  compared: Comparison | null;
  ghosts: Ghosts | null;
  /** Something is being worked out. */
  busy: boolean;
  /** The draft cannot be put in force for this reason. */
  refused: Problem | null;
  /** Whether a step before the last one is known. */
  undoable: boolean;
  look: (id: number | undefined) => void;
  drop: (held: Held) => void;
  make: (draft: NewDraft) => Promise<unknown>;
  undo: () => void;
  discard: (id: number) => void;
  publish: (draft: DraftSummary) => void;
  rebase: (id: number) => void;
}

/** Of each operation the last place counts; everything else stays as it was asked for. */
export function lastMoves(changes: readonly DraftChange[]): DraftChange[] {
  return changes.filter((change, place) => change.kind !== "move" || !changes.slice(place + 1).some((later) => later.kind === "move" && later.operation === change.operation));
}

/** The draft that some steps come to; null: none is left. */
export function draftOf(steps: readonly Step[], name: string): NewDraft | null {
  const last = steps.at(-1);
  if (last === undefined) return null;
  return { name, changes: lastMoves(steps.flatMap((step) => step.changes)), settle: last.settle, improve_ms: last.settle === "shift" ? 0 : IMPROVE_MS };
}

interface DraftingProps {
  scope: string;
  /** The plan in force. */
  plan: number | null;
  store: PlanStore;
  telling: Telling;
  draftId: number | undefined;
  setDraft: (id: number | undefined) => void;
}

/** Drafts of a scope, and what can be done with the one that is looked at. */
export function useDrafting({ scope, plan, store, telling, draftId, setDraft }: DraftingProps): Drafting {
  const { t } = telling;
  const queries = useQueryClient();
  const [made, setMade] = useState<Made | null>(null);
  const list = useQuery({ queryKey: ["drafts", scope, plan], queryFn: () => api.drafts(scope), refetchInterval: LOOK_AGAIN_MS, placeholderData: (before) => before });
  const drafts = useMemo(() => list.data?.items ?? [], [list.data]);
  const own = made !== null && made.draft.id === draftId ? made : null;
  const draft = draftId === undefined ? null : (drafts.find((each) => each.id === draftId) ?? own?.draft ?? null);
  const compared = useCompared(draft);
  const ghosts = useGhosts(draft, plan, store);
  const gone = draftId !== undefined && draft === null && list.data !== undefined && !list.isPlaceholderData && !list.isFetching;
  useEffect(() => {
    if (gone) setDraft(undefined);
  }, [gone, setDraft]);

  const bad = (error: Error): void => { tell(reasonOf(t, error), { bad: true }); };
  // Nobody waits for the lists: the next step may come at once.
  const settled = (): void => { for (const key of ["drafts", "plans", "planning"]) void queries.invalidateQueries({ queryKey: [key] }); };
  const publish = useMutation({
    mutationFn: (wanted: DraftSummary) => api.publishPlan(wanted.id),
    onSuccess: (_, { number }) => {
      setDraft(undefined);
      tell(t("draft.published_done", { number }));
    },
    onError: (error) => { if (!(error instanceof Problem && error.status === 409)) bad(error); },
    onSettled: settled,
  });
  const show = (next: Made): void => {
    queries.setQueryData(["draft-effect", next.draft.id], next.draft.compared);
    setMade(next);
    setDraft(next.draft.id);
    publish.reset();
  };
  /** The steps so far with one more, where all of them are known. */
  const further = (on: number | null | undefined, step: Step): readonly Step[] | null => {
    if (on == null) return [step];
    return own?.steps == null || own.draft.id !== on ? null : [...own.steps, step];
  };
  const drag = useMutation({
    mutationFn: async (held: Held): Promise<Made> => {
      const place = { operation: held.id, machine: held.machine, start: new Date(held.start).toISOString() };
      const view = store.bars.get(held.id)?.view;
      const name = draft?.what_if.name ?? t("whatif.moved", { what: operationWords(t, view?.work_order, view?.operation) });
      const found = await api.drag(scope, { ...place, name, ...(draft === null ? {} : { on: draft.id }) });
      return { draft: found, steps: further(draft?.id, { changes: [{ kind: "move", ...place }], settle: "shift" }) };
    },
    onSuccess: show,
    onError: bad,
    onSettled: settled,
  });
  const make = useMutation({
    mutationFn: async (wanted: NewDraft): Promise<Made> => ({ draft: await api.makeDraft(scope, wanted), steps: further(wanted.on, { changes: wanted.changes, settle: wanted.settle ?? "plan" }) }),
    onSuccess: show,
    onSettled: settled,
  });
  const back = useMutation({
    mutationFn: async ({ draft: now, steps }: Made): Promise<Made | null> => {
      const kept = steps?.slice(0, -1) ?? [];
      const wanted = draftOf(kept, now.what_if.name);
      const before = wanted === null ? null : await api.makeDraft(scope, wanted);
      await api.discardPlan(now.id);
      return before === null ? null : { draft: before, steps: kept };
    },
    onSuccess: (before) => {
      if (before === null) setDraft(undefined);
      else show(before);
      tell(t("whatif.undone"));
    },
    onError: bad,
    onSettled: settled,
  });
  const discard = useMutation({
    mutationFn: (id: number) => api.discardPlan(id),
    onSuccess: (_, id) => {
      if (id === draftId) setDraft(undefined);
      tell(t("whatif.discarded"));
    },
    onError: bad,
    onSettled: settled,
  });
  const rebase = useMutation({
    mutationFn: async (id: number): Promise<Made> => ({ draft: await api.rebaseDraft(id), steps: own?.steps ?? null }),
    onSuccess: (next) => {
      show(next);
      tell(t("whatif.rebased", { number: next.draft.base_number ?? 0 }));
    },
    onError: bad,
    onSettled: settled,
  });
  return {
    drafts,
    draft,
    compared,
    ghosts,
    busy: [drag, make, back, discard, publish, rebase].some((each) => each.isPending),
    refused: publish.error instanceof Problem && publish.error.status === 409 && publish.variables?.id === draftId ? publish.error : null,
    undoable: (own?.steps?.length ?? 0) > 1,
    look: setDraft,
    drop: (held) => {
      if (drag.isPending) tell(t("whatif.busy"), { bad: true });
      else drag.mutate(held);
    },
    make: (wanted) => make.mutateAsync(wanted),
    undo: () => {
      if (drag.isPending || make.isPending || back.isPending) tell(t("whatif.busy"), { bad: true });
      else if (own?.steps != null) back.mutate(own);
      else if (draft !== null) tell(t("whatif.no_undo"), { bad: true });
    },
    discard: (id) => { discard.mutate(id); },
    publish: (wanted) => { publish.mutate(wanted); },
    rebase: (id) => { rebase.mutate(id); },
  };
}

/** What a draft does to others; known at once for one that was made here. */
function useCompared(draft: DraftSummary | null): Comparison | null {
  const base = draft?.base_id ?? null;
  const found = useQuery({
    queryKey: ["draft-effect", draft?.id],
    queryFn: async () => (draft === null || base === null ? null : ((await api.comparePlans([base, draft.id])).plans[1]?.compared ?? null)),
    enabled: draft !== null && base !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return found.data ?? null;
}

function useGhosts(draft: DraftSummary | null, plan: number | null, store: PlanStore): Ghosts | null {
  const operations = useQuery({
    queryKey: ["plan-operations", draft?.id],
    queryFn: () => api.planOperations(draft?.id ?? 0),
    enabled: draft !== null,
    staleTime: Number.POSITIVE_INFINITY,
  }).data;
  // Another plan in force moves the bars that the draft is told apart from.
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `plan` is not read, but says when the store's bars are others
  return useMemo(() => (draft === null || operations === undefined ? null : ghostsOf(operations.items, draft.what_if.added, store.bars)), [draft, operations, store, plan]);
}
