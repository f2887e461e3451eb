import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../../api/endpoints.ts";
import type { NewDraft, Price, RushPrice, RushWish } from "../../api/types.ts";
import { tell } from "../../app/toasts.tsx";
import { formatNumber } from "../../i18n/format.ts";
import { instantOf } from "../../orders/dates.ts";
import { codeOf } from "../../promise/asked.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { reasonOf, Skeleton } from "../../ui/states.tsx";
import type { PlanStore } from "../store.ts";
import { minutesWords, momentWords, type Telling } from "../words.ts";
import { LaterList } from "./why.tsx";
import { setupWords } from "./words.ts";

const NAMED = 8;

/** What is asked for, as the form holds it. */
export interface RushForm {
  kind: "order" | "new";
  order: string;
  item: string;
  quantity: string;
  customer: string;
  due: string;
  priority: string;
}

interface Known {
  code: string;
  name: string;
}

/** The question for the planner; null as long as something is missing. `instant` reads a local time. */
export function wishOf(form: RushForm, site: string, items: readonly Known[], instant: (local: string) => string): RushWish | null {
  const more = {
    ...(form.priority === "" ? {} : { priority: Number(form.priority) }),
    ...(form.due === "" ? {} : { due: instant(form.due) }),
  };
  if (form.kind === "order") return form.order.trim() === "" ? null : { order: form.order.trim(), ...more };
  const item = codeOf(form.item, items);
  const quantity = Number(form.quantity);
  return item === undefined || !(quantity > 0) ? null : { lines: [{ item, quantity }], site, ...more };
}

interface RushProps {
  scope: string;
  site: string;
  /** The order that it is about; empty: to be chosen. */
  order: string;
  store: PlanStore;
  mayPlan: boolean;
  telling: Telling;
  close: () => void;
  make: (draft: NewDraft) => Promise<unknown>;
}

/** What would a rush order cost? Told before anybody says yes; then it is thought of as a draft, or taken. */
export function RushDialog({ scope, site, order, store, mayPlan, telling, close, make }: RushProps): ReactElement {
  const { t, zone } = telling;
  const items = useQuery({ queryKey: ["items"], queryFn: api.items, staleTime: 60_000 }).data?.items ?? [];
  const customers = useQuery({ queryKey: ["customers"], queryFn: api.customers, staleTime: 60_000 }).data?.items ?? [];
  const [form, setForm] = useState<RushForm>({ kind: "order", order, item: "", quantity: "", customer: "", due: "", priority: "" });
  const price = useMutation({ mutationFn: (wish: RushWish) => api.rushPrice(scope, wish) });
  const wish = wishOf(form, site, items, (local) => instantOf(local, zone));
  const edit = (part: Partial<RushForm>): void => {
    setForm({ ...form, ...part });
    price.reset();
  };
  const open = [...new Set([...store.bars.values()].flatMap((bar) => bar.view.order_number ?? []))].sort();
  return (
    <Dialog title={t("rush.title")} text={t("rush.text")} close={close}>
      <form
        data-testid="rush"
        onSubmit={(event) => {
          event.preventDefault();
          if (wish !== null) price.mutate(wish);
        }}
      >
        <div className="segments" role="group" aria-label={t("rush.what")}>
          {(["order", "new"] as const).map((kind) => (
            <button key={kind} type="button" aria-pressed={form.kind === kind} onClick={() => { edit({ kind }); }}>
              {t(`rush.kind.${kind}`)}
            </button>
          ))}
        </div>
        <div className="rush-fields">
          {form.kind === "order" ? (
            <label className="field">
              <span>{t("rush.order")}</span>
              <input name="rush-order" list="rush-orders" autoComplete="off" required value={form.order} onChange={(event) => { edit({ order: event.target.value }); }} />
            </label>
          ) : (
            <>
              <label className="field">
                <span>{t("rush.item")}</span>
                <input name="rush-item" list="rush-items" autoComplete="off" required value={form.item} onChange={(event) => { edit({ item: event.target.value }); }} />
              </label>
              <label className="field">
                <span>{t("rush.quantity")}</span>
                <input name="rush-quantity" type="number" min="0.001" step="any" required value={form.quantity} onChange={(event) => { edit({ quantity: event.target.value }); }} />
              </label>
              <label className="field">
                <span>{t("rush.customer")}</span>
                <input name="rush-customer" list="rush-customers" autoComplete="off" value={form.customer} onChange={(event) => { setForm({ ...form, customer: event.target.value }); }} />
              </label>
            </>
          )}
          <label className="field">
            <span>{t("rush.due")}</span>
            <input name="rush-due" type="datetime-local" value={form.due} onChange={(event) => { edit({ due: event.target.value }); }} />
          </label>
          <label className="field">
            <span>{t("rush.priority")}</span>
            <input name="rush-priority" type="number" min="0" max="999" step="1" placeholder={t("rush.by_policy")} value={form.priority} onChange={(event) => { edit({ priority: event.target.value }); }} />
          </label>
        </div>
        <Choices id="rush-orders" known={open.map((number) => ({ code: number, name: number }))} />
        <Choices id="rush-items" known={items} />
        <Choices id="rush-customers" known={customers} />
        <p className="dialog-error" role="alert">
          {price.error === null ? "" : reasonOf(t, price.error)}
        </p>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={close}>
            {t("action.close")}
          </button>
          <button type="submit" className="button button-primary" disabled={wish === null || price.isPending} data-testid="rush-ask">
            {t("rush.ask")}
          </button>
        </div>
      </form>
      {price.isPending && <Skeleton width="100%" height="160px" />}
      {price.data !== undefined && wish !== null && <Priced price={price.data} form={form} wish={wish} site={site} customer={codeOf(form.customer, customers)} mayPlan={mayPlan} telling={telling} close={close} make={make} />}
    </Dialog>
  );
}

function Choices({ id, known }: { id: string; known: readonly Known[] }): ReactElement {
  return (
    <datalist id={id}>
      {known.map((each) => (
        <option key={each.code} value={each.code}>
          {each.name}
        </option>
      ))}
    </datalist>
  );
}

interface PricedProps {
  price: RushPrice;
  form: RushForm;
  wish: RushWish;
  site: string;
  customer: string | undefined;
  mayPlan: boolean;
  telling: Telling;
  close: () => void;
  make: (draft: NewDraft) => Promise<unknown>;
}

/** The price, told twice, and the two ways on. */
function Priced({ price, form, wish, site, customer, mayPlan, telling, close, make }: PricedProps): ReactElement {
  const { t } = telling;
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { priority } = price;
  const name = t("rush.draft", { what: wish.order ?? form.item });
  const draft = useMutation({
    mutationFn: () => make({ name, changes: [wish.order == null ? { kind: "add_order", name, lines: wish.lines ?? [], site, priority, ...(wish.due == null ? {} : { due: wish.due }) } : { kind: "priority", order: wish.order, priority }] }),
    onSuccess: close,
  });
  const accept = useMutation({
    mutationFn: async () => {
      if (wish.order != null) {
        const { version } = await api.order(wish.order);
        return api.changeOrder(wish.order, { version, priority });
      }
      return api.createOrder({ site, customer: customer ?? "", priority, release: true, lines: (wish.lines ?? []).map((line) => ({ ...line, ...(wish.due == null ? {} : { due_at: wish.due }) })) });
    },
    onSuccess: async (order) => {
      tell(t("rush.accepted", { order: order.number, priority }));
      close();
      await queries.invalidateQueries({ queryKey: ["orders"] });
      if (wish.order == null) await navigate({ to: "/orders/$number", params: { number: order.number } });
    },
  });
  const waiting = draft.isPending || accept.isPending;
  const error = draft.error ?? accept.error;
  const nobody = wish.order == null && customer === undefined;
  return (
    <section className="rush-price" data-testid="rush-price" aria-live="polite">
      <p>
        {t("rush.as", { priority })} {t(`rush.displaces.${price.displacement}`)}
        {price.planned_end !== null && <> {t("rush.planned", { end: momentWords(telling, price.planned_end) })}</>}
      </p>
      <div className="rush-sides">
        <Side title={t("rush.waiting")} price={price.waiting} telling={telling} testId="rush-waiting" />
        <Side title={t("rush.rushed")} price={price.rushed} telling={telling} testId="rush-rushed" />
      </div>
      <p className="dialog-error" role="alert">
        {error === null ? (nobody ? t("rush.needs_customer") : "") : reasonOf(t, error)}
      </p>
      <div className="dialog-actions">
        {mayPlan && (
          <button type="button" className="button" disabled={waiting} onClick={() => { draft.mutate(); }} data-testid="rush-draft">
            {t("rush.make_draft")}
          </button>
        )}
        <button type="button" className="button button-primary" disabled={waiting || nobody} onClick={() => { accept.mutate(); }} data-testid="rush-accept">
          {wish.order == null ? t("rush.take_in", { priority }) : t("rush.accept", { priority })}
        </button>
        {wish.order != null && (
          <Link to="/orders/$number" params={{ number: wish.order }} className="button button-quiet">
            {t("card.open", { order: wish.order })}
          </Link>
        )}
      </div>
    </section>
  );
}

function Side({ title, price, telling, testId }: { title: string; price: Price; telling: Telling; testId: string }): ReactElement {
  const { t } = telling;
  return (
    <section className="rush-side" data-testid={testId}>
      <h3>{title}</h3>
      <p className="rush-end">
        <strong>{t("rush.ready", { end: momentWords(telling, price.end) })}</strong> {price.late_minutes > 0 && t("late.late", { duration: minutesWords(t, price.late_minutes) })}
      </p>
      <p>{[setupWords(telling, price.setup_minutes), t("whatif.newly_late", { n: price.newly_late }), t("whatif.moved_count", { n: price.moved }), t("rush.cost", { cost: formatNumber(price.cost, t.language) })].join(" · ")}</p>
      <LaterList later={price.later.slice(0, NAMED)} more={price.later.length - NAMED} telling={telling} />
    </section>
  );
}
