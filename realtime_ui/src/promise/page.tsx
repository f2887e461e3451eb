import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Fragment, useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { NewPromise, PromiseAnswer } from "../api/types.ts";
import { useSites, useZone, zoneOf } from "../app/sites.ts";
import { useMachineName } from "../app/machines.ts";
import { tell } from "../app/toasts.tsx";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { Table } from "../desk/table.tsx";
import { formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { instantOf } from "../orders/dates.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Empty, Forbidden, reasonOf, Skeleton } from "../ui/states.tsx";
import { codeOf, promiseOf, type AskedDraft } from "./asked.ts";
import { Basis, SoonerDate } from "./dates.tsx";
import "../orders/orders.css";
import "../desk/desk.css";

const HOLD_MINUTES = 120;
/** Between the answer and its order: what is promised is kept for as long as the order takes to be made. */
const MEANWHILE_MINUTES = 5;
/** A promise that moves by less is the same one. */
const LATER_MS = 60_000;
/** The end of a working day: what people mean who name a day only. */
const END_OF_DAY = "23:59:59";

/** What names are looked up in. */
const CUSTOMERS = { queryKey: ["customers"], queryFn: api.customers, staleTime: 60_000 };
const ITEMS = { queryKey: ["items"], queryFn: api.items, staleTime: 60_000 };

/** `/promise`: when could it be there? Answered while the customer is on the phone. */
export function PromisePage(): ReactElement {
  const mayOrder = usePermission("order");
  if (!mayOrder) return <Forbidden />;
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="240px" />}>
      <Inquiry />
    </DeskWords>
  );
}

interface Known {
  customers: Awaited<ReturnType<typeof api.customers>>["items"];
  items: Awaited<ReturnType<typeof api.items>>["items"];
  sites: Awaited<ReturnType<typeof api.sites>>["items"];
}

function Inquiry(): ReactElement {
  const t = useDesk();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const sites = useSites();
  const customers = useQuery(CUSTOMERS);
  const items = useQuery(ITEMS);
  const [customer, setCustomer] = useState("");
  const [site, setSite] = useState("");
  const [lines, setLines] = useState<AskedDraft[]>([{ key: 0, item: "", quantity: "", due: "" }]);
  const [incomplete, setIncomplete] = useState(false);
  const knownItems = items.data?.items ?? [];
  const knownCustomers = customers.data?.items ?? [];
  const knownSites = sites.data?.items ?? [];
  const questionOf = (known: Known): NewPromise | null => {
    const zone = zoneOf(known.sites, site === "" ? known.sites[0]?.code : site);
    return promiseOf(lines, { site, customer: codeOf(customer, known.customers), items: known.items, instant: (day) => instantOf(`${day}T${END_OF_DAY}`, zone) });
  };
  const wanted = questionOf({ customers: knownCustomers, items: knownItems, sites: knownSites });
  const ask = useMutation({ mutationFn: (question: NewPromise) => api.promise(question) });
  const hold = useMutation({
    mutationFn: (question: NewPromise) => api.promise({ ...question, hold_minutes: HOLD_MINUTES }),
    onSuccess: (answer) => {
      if (answer.reservations.length === 0) tell(t("promise.nothing_to_hold"));
      else tell(t("promise.held", { n: answer.reservations.length, hours: HOLD_MINUTES / 60 }), { undo: () => { giveUp.mutate(answer); } });
      return queries.invalidateQueries({ queryKey: ["stock"] });
    },
  });
  const giveUp = useMutation({
    mutationFn: (answer: PromiseAnswer) => Promise.all(answer.reservations.map((each) => api.releaseReservation(each.id))),
    onSuccess: () => {
      tell(t("promise.given_up"));
      hold.reset();
    },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: ["stock"] }),
  });
  const order = useMutation({
    mutationFn: async ({ question, answer: shown }: { question: NewPromise; answer: PromiseAnswer }) => {
      // What the answer takes from stock is held before the order is there, and becomes the order's:
      // nobody else gets it in between.
      const answer = shown.reservations.length > 0 ? shown : await api.promise({ ...question, ...within(shown), hold_minutes: MEANWHILE_MINUTES });
      if (later(answer, shown)) {
        await Promise.allSettled(answer.reservations.map((each) => api.releaseReservation(each.id)));
        ask.mutate(question);
        return null;
      }
      return api.createOrder({
        site: answer.site,
        ...(answer.reservations.length === 0 ? {} : { reservations: answer.reservations.map((each) => each.id) }),
        customer: question.customer ?? "",
        priority: 0,
        release: false,
        lines: question.lines.map((line, place) => {
          const due = line.due ?? answer.lines[place]?.promised_at;
          return { item: line.item, quantity: line.quantity, ...(due == null ? {} : { due_at: due }) };
        }),
      });
    },
    onSuccess: async (made) => {
      if (made === null) {
        tell(t("promise.moved"), { bad: true });
        return;
      }
      await queries.invalidateQueries({ queryKey: ["stock"] });
      await queries.invalidateQueries({ queryKey: ["orders"] });
      tell(t("create.done", { number: made.number }));
      await navigate({ to: "/orders/$number", params: { number: made.number } });
    },
  });
  const edit = (key: number, change: Partial<AskedDraft>): void => {
    setLines(lines.map((line) => (line.key === key ? { ...line, ...change } : line)));
  };
  const add = (): void => { setLines([...lines, { key: Math.max(...lines.map((line) => line.key)) + 1, item: "", quantity: "", due: lines.at(-1)?.due ?? "" }]); };
  const answer = hold.data ?? ask.data;
  const asked = hold.variables ?? ask.variables;
  const current = wanted !== null && asked !== undefined && JSON.stringify(wanted) === JSON.stringify(asked);
  const submit = async (): Promise<void> => {
    // Whoever types faster than the lists come has asked all the same: what was typed is looked up
    // as soon as they are there.
    const [people, things, places] = await Promise.all([
      queries.query({ ...CUSTOMERS, staleTime: "static" }),
      queries.query({ ...ITEMS, staleTime: "static" }),
      queries.query({ queryKey: ["sites"], queryFn: api.sites, staleTime: "static" }),
    ]);
    const question = questionOf({ customers: people.items, items: things.items, sites: places.items });
    setIncomplete(question === null);
    if (question === null) return;
    hold.reset();
    order.reset();
    ask.mutate(question);
  };
  return (
    <div className="desk">
      <header>
        <h1>{t("promise.title")}</h1>
        <p className="faint">{t("promise.text")}</p>
      </header>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a shortcut; the button does the same */}
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault();
          submit().catch((error: unknown) => { tell(reasonOf(t, error), { bad: true }); });
        }}
        onKeyDown={(event) => {
          // Alt+N: another line, without the mouse.
          if (event.altKey && event.code === "KeyN") {
            event.preventDefault();
            add();
          }
        }}
      >
        <div className="row">
          <label className="field">
            <span>{t("orders.customer")}</span>
            {/* The first thing to be said on the phone. */}
            <input name="customer" list="customers" autoComplete="off" value={customer} onChange={(event) => { setCustomer(event.target.value); }} />
          </label>
          {(sites.data?.items.length ?? 0) > 1 && (
            <label className="field">
              <span>{t("orders.site")}</span>
              <select value={site} onChange={(event) => { setSite(event.target.value); }}>
                <option value="">{t("promise.any_site")}</option>
                {sites.data?.items.map((each) => (
                  <option key={each.code} value={each.code}>
                    {each.name}
                  </option>
                ))}
              </select>
            </label>
          )}
        </div>
        <datalist id="customers">
          {knownCustomers.map((each) => (
            <option key={each.code} value={each.code}>
              {each.name}
            </option>
          ))}
        </datalist>
        <datalist id="items">
          {knownItems.map((each) => (
            <option key={each.code} value={each.code}>
              {each.name}
            </option>
          ))}
        </datalist>
        {lines.map((line, place) => {
          const unit = knownItems.find((each) => each.code === codeOf(line.item, knownItems))?.unit ?? "pcs";
          return (
            <div key={line.key} className="ask-line" role="group" aria-label={t("create.line", { number: place + 1 })}>
              <label className="field">
                <span>{t("orders.item")}</span>
                <input name={`item-${place}`} required list="items" autoComplete="off" value={line.item} onChange={(event) => { edit(line.key, { item: event.target.value }); }} aria-invalid={line.item !== "" && codeOf(line.item, knownItems) === undefined} />
              </label>
              <label className="field">
                <span>{t("create.quantity", { unit: formatUnit(t, unit, 2) })}</span>
                <input name={`quantity-${place}`} required type="number" min="0.001" step="any" inputMode="decimal" value={line.quantity} onChange={(event) => { edit(line.key, { quantity: event.target.value }); }} />
              </label>
              <label className="field">
                <span>{t("promise.wanted")}</span>
                <input name={`due-${place}`} type="date" value={line.due} onChange={(event) => { edit(line.key, { due: event.target.value }); }} />
              </label>
              <button type="button" className="button button-quiet" hidden={lines.length === 1} aria-label={t("create.remove_line", { number: place + 1 })} onClick={() => { setLines(lines.filter((other) => other !== line)); }}>
                <Glyph name="close" />
              </button>
            </div>
          );
        })}
        <div className="form-between">
          <button type="button" className="button" onClick={add} aria-keyshortcuts="Alt+N">
            <Glyph name="plus" />
            {t("create.add_line")} <kbd className="faint">Alt+N</kbd>
          </button>
          <button type="submit" className="button button-primary" disabled={ask.isPending} data-testid="ask">
            {t("promise.ask")} <kbd>↵</kbd>
          </button>
        </div>
        <p className="dialog-error" role="alert">
          {incomplete && wanted === null ? t("promise.incomplete") : ask.isError ? reasonOf(t, ask.error) : hold.isError ? reasonOf(t, hold.error) : order.isError ? reasonOf(t, order.error) : items.isError ? reasonOf(t, items.error) : ""}
        </p>
      </form>
      {ask.isPending && <Skeleton width="100%" height="160px" />}
      {answer === undefined && !ask.isPending && !ask.isError && (
        <Empty title={t("promise.empty.title")}>
          <p>{t("promise.empty.text")}</p>
        </Empty>
      )}
      {answer !== undefined && !ask.isPending && (
        <Answer answer={answer} outdated={!current}>
          {answer.reservations.length === 0 ? (
            <button type="button" className="button" disabled={!current || hold.isPending} onClick={() => { if (wanted !== null) hold.mutate(wanted); }} data-testid="hold">
              {t("promise.hold", { hours: HOLD_MINUTES / 60 })}
            </button>
          ) : (
            <button type="button" className="button" disabled={giveUp.isPending || order.isPending} onClick={() => { giveUp.mutate(answer); }} data-testid="give-up">
              {t("promise.give_up")}
            </button>
          )}
          <button
            type="button"
            className="button button-primary"
            disabled={!current || order.isPending || asked.customer === undefined}
            title={asked?.customer === undefined ? t("promise.needs_customer") : undefined}
            onClick={() => { if (asked !== undefined) order.mutate({ question: asked, answer }); }}
            data-testid="make-order"
          >
            {t("promise.order")}
          </button>
          {answer.reservations.length > 0 && (
            <Link to="/stock" search={{ tab: "reservations" }} data-testid="held">
              {t("promise.reservations", { n: answer.reservations.length })}
            </Link>
          )}
        </Answer>
      )}
    </div>
  );
}

/** Asked again for the same end of validity: a plan's earliest date else moves with the clock. */
function within(shown: PromiseAnswer): { release_within_minutes?: number } {
  const until = timeOf(shown.valid_until);
  return until === null ? {} : { release_within_minutes: Math.max(0, Math.floor((until - Date.now()) / 60_000)) };
}

/** Whether a new answer is worse than the one that was read out to the customer. */
function later(answer: PromiseAnswer, shown: PromiseAnswer): boolean {
  if (answer.site !== shown.site) return true;
  const [now, then] = [timeOf(answer.promised_at), timeOf(shown.promised_at)];
  return now === null ? then !== null : then !== null && now - then > LATER_MS;
}

function Answer({ answer, outdated, children }: { answer: PromiseAnswer; outdated: boolean; children: ReactElement | (ReactElement | false)[] }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(answer.site);
  const sites = useSites();
  const nameOf = useMachineName();
  const at = timeOf(answer.promised_at);
  const elsewhere = Object.entries(answer.elsewhere);
  return (
    <section className={outdated ? "card is-stale" : "card"} aria-live="polite" data-testid="promise">
      <div className="card-head">
        <div>
          <p className="promise-when" data-testid="promised">{at === null ? t("promise.never") : formatMoment(t, at, now, zone)}</p>
          <p>
            {answer.in_time !== null && <strong>{t(answer.in_time ? "promise.in_time" : "promise.too_late")} · </strong>}
            {t("promise.at_site", { site: sites.data?.items.find((each) => each.code === answer.site)?.name ?? answer.site })}
          </p>
          <Basis answer={answer} />
          {outdated && <p className="faint">{t("promise.outdated")}</p>}
        </div>
        <div className="actions">{children}</div>
      </div>
      <Table
        label={t("order.lines")}
        columns={[
          { key: "item", label: t("orders.item"), title: true },
          { key: "quantity", label: t("import.quantity"), number: true },
          { key: "ready", label: t("promise.ready") },
          { key: "from", label: t("promise.from") },
          { key: "because", label: t("promise.because") },
        ]}
        rows={answer.lines.map((line, place) => {
          const ready = timeOf(line.promised_at);
          const parts = [
            [line.from_stock, "promise.from_stock"],
            [line.to_make, "promise.to_make"],
            [line.to_buy, "promise.to_buy"],
          ] as const;
          return {
            key: String(place),
            cells: [
              line.item,
              `${formatNumber(line.quantity, t.language)} ${formatUnit(t, line.unit, line.quantity)}`,
              <Fragment key="ready">
                <strong>{ready === null ? t("promise.never") : formatMoment(t, ready, now, zone)}</strong>
                {line.in_time !== null && <p>{t(line.in_time ? "promise.in_time" : "promise.too_late")}</p>}
              </Fragment>,
              parts.filter(([quantity]) => quantity > 0).map(([quantity, key]) => t(key, { quantity: formatNumber(quantity, t.language) })).join(", "),
              <Fragment key="because">
                    {line.bindings.length === 0
                      ? t("promise.nothing_binds")
                      : line.bindings.map((binding, which) => {
                          const until = timeOf(binding.until);
                          return (
                            <p key={which} className={which === 0 ? "" : "binding"}>
                              {wordOf(t, "binding", binding.kind)}: {binding.kind === "machine" ? nameOf(binding.what) : binding.what}
                              {until !== null && <> ({t("promise.until", { time: formatMoment(t, until, now, zone) })})</>}
                            </p>
                          );
                        })}
              </Fragment>,
            ],
          };
        })}
      />
      <SoonerDate answer={answer} />
      {elsewhere.length > 0 && (
        <p className="faint">
          {t("promise.elsewhere")}{" "}
          {elsewhere
            .map(([code, when]) => {
              const there = timeOf(when);
              return `${code}: ${there === null ? t("promise.never") : formatMoment(t, there, now, zone)}`;
            })
            .join(" · ")}
        </p>
      )}
    </section>
  );
}
