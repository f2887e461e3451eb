import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../../api/endpoints.ts";
import type { DraftChange, DraftSummary, NewDraft } from "../../api/types.ts";
import { instantOf, localOf } from "../../orders/dates.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { reasonOf } from "../../ui/states.tsx";
import type { PlanStore } from "../store.ts";
import type { Telling } from "../words.ts";
import { IMPROVE_MS } from "./drafting.ts";
import { WishFields } from "./fields.tsx";
import { KINDS, newWish, viewOf, wished, type Known, type Wish } from "./wishes.ts";
import { changesWords, changeWords } from "./words.ts";

/** So many changes fit into one draft. */
const MOST = 50;
const MOST_LETTERS = 120;

interface AskProps {
  scope: string;
  site: string;
  store: PlanStore;
  /** The draft that is looked at: what is asked for can come on top of it. */
  draft: DraftSummary | null;
  telling: Telling;
  close: () => void;
  make: (draft: NewDraft) => Promise<unknown>;
}

/** What if …? Several changes are put together, then the planner works out what they come to. */
export function AskDialog({ scope, site, store, draft, telling, close, make }: AskProps): ReactElement {
  const { t, zone, now } = telling;
  const items = useQuery({ queryKey: ["items"], queryFn: api.items, staleTime: 60_000 }).data?.items ?? [];
  const policy = useQuery({ queryKey: ["planning", scope], queryFn: () => api.planning(scope) }).data?.policy ?? null;
  const local = (at: number): string => localOf(new Date(at).toISOString(), zone);
  const [wish, setWish] = useState<Wish>(() => newWish("overtime", now, local, policy));
  const [stack, setStack] = useState<readonly DraftChange[]>([]);
  const [name, setName] = useState("");
  const [onTop, setOnTop] = useState(draft !== null);
  const [anew, setAnew] = useState(true);
  const [pressed, setPressed] = useState(false);
  const resources = new Map([...store.resources.values()].map(({ view }) => [view.id, view]));
  const known: Known = { now, machines: store.machines, bars: store.bars, resources, items, policy, site, instant: (at) => instantOf(at, zone) };
  const found = wished(wish, known);
  const missing = "missing" in found ? found.missing : stack.length + found.changes.length > MOST ? "too_many" : null;
  const words = (change: DraftChange): string => changeWords(telling, viewOf(change, store.bars, resources));
  const clear = (kind: Wish["kind"]): void => {
    setWish(newWish(kind, now, local, policy));
    setPressed(false);
  };
  const add = (): void => {
    setPressed(true);
    if (missing !== null || !("changes" in found)) return;
    setStack([...stack, ...found.changes]);
    clear(wish.kind);
  };
  const attempt = useMutation({ mutationFn: make, onSuccess: close });
  // What is filled in is meant, whether or not somebody has pressed the button beside it.
  const all = "changes" in found && missing === null ? [...stack, ...found.changes] : stack;
  const suggested = changesWords(telling, all.map((change) => viewOf(change, store.bars, resources))).join("; ").slice(0, MOST_LETTERS);
  const work = (): void => {
    setPressed(true);
    if (all.length === 0) return;
    const called = name.trim() === "" ? suggested : name.trim();
    attempt.mutate({ name: called, changes: [...all], settle: anew ? "plan" : "shift", improve_ms: anew ? IMPROVE_MS : 0, ...(onTop && draft !== null ? { on: draft.id } : {}) });
  };
  return (
    <Dialog title={t("ask.title")} text={t("ask.text")} close={close}>
      <form
        className="ask"
        data-testid="ask"
        onSubmit={(event) => {
          event.preventDefault();
          work();
        }}
      >
        {draft !== null && (
          <label className="check">
            <input type="checkbox" checked={onTop} onChange={(event) => { setOnTop(event.target.checked); }} />
            <span>{t("ask.on_top", { name: draft.what_if.name })}</span>
          </label>
        )}
        {stack.length > 0 && (
          <ol className="ask-stack" data-testid="ask-stack" aria-label={t("whatif.changes")}>
            {stack.map((change, place) => (
              <li key={place}>
                <span>{words(change)}</span>
                <button type="button" className="button button-quiet" aria-label={t("ask.remove", { what: words(change) })} onClick={() => { setStack(stack.filter((_, at) => at !== place)); }}>
                  {t("ask.remove_short")}
                </button>
              </li>
            ))}
          </ol>
        )}
        <fieldset className="ask-wish">
          <legend>{stack.length === 0 ? t("ask.first") : t("ask.next")}</legend>
          <label className="field">
            <span>{t("ask.kind")}</span>
            <select name="wish-kind" value={wish.kind} onChange={(event) => { clear(KINDS.find((kind) => kind === event.target.value) ?? "overtime"); }}>
              {KINDS.map((kind) => (
                <option key={kind} value={kind}>
                  {t(`wish.kind.${kind}`)}
                </option>
              ))}
            </select>
          </label>
          <WishFields t={t} wish={wish} edit={(part) => { setWish({ ...wish, ...part }); }} store={store} items={items} />
          <div className="ask-add">
            <p className="dialog-error" role="alert">
              {pressed && missing !== null && (stack.length === 0 || all === stack) ? t(`missing.${missing}`) : ""}
            </p>
            <button type="button" className="button" onClick={add} data-testid="ask-add">
              {t("ask.add")}
            </button>
          </div>
        </fieldset>
        <div className="ask-how">
          <fieldset className="policy-publish">
            <legend>{t("ask.settle")}</legend>
            {([true, false] as const).map((each) => (
              <label key={String(each)} className="check">
                <input type="radio" name="settle" checked={anew === each} onChange={() => { setAnew(each); }} />
                <span>{each ? t("ask.settle.plan") : t("ask.settle.shift")}</span>
              </label>
            ))}
          </fieldset>
          <label className="field">
            <span>{t("ask.name")}</span>
            <input name="ask-name" autoComplete="off" maxLength={MOST_LETTERS} placeholder={suggested} value={name} onChange={(event) => { setName(event.target.value); }} />
          </label>
        </div>
        <p className="dialog-error" role="alert">
          {attempt.error === null ? "" : reasonOf(t, attempt.error)}
        </p>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={close}>
            {t("action.close")}
          </button>
          <button type="submit" className="button button-primary" disabled={attempt.isPending} aria-busy={attempt.isPending} data-testid="ask-work">
            {attempt.isPending ? t("ask.working") : t("ask.work", { n: all.length })}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
