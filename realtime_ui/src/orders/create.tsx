import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { formatUnit } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { Glyph } from "../ui/glyph.tsx";
import { instantOf } from "./dates.ts";

interface DraftLine {
  key: number;
  item: string;
  quantity: string;
  due: string;
}

const PRIORITIES = { normal: 0, high: 5, rush: 9 } as const;
type PriorityName = keyof typeof PRIORITIES;

/** A new order; a rush order is released at once, and planned before other work. */
export function CreateOrder({ close, rush = false }: { close: () => void; rush?: boolean }): ReactElement {
  const t = useT();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const sites = useSites();
  const customers = useQuery({ queryKey: ["customers"], queryFn: api.customers, staleTime: 60_000 });
  const items = useQuery({ queryKey: ["items"], queryFn: api.items, staleTime: 60_000 });
  const [site, setSite] = useState("");
  const [customer, setCustomer] = useState("");
  const [reference, setReference] = useState("");
  const [release, setRelease] = useState(true);
  const [priority, setPriority] = useState<PriorityName>(rush ? "rush" : "normal");
  const [lines, setLines] = useState<DraftLine[]>([{ key: 0, item: "", quantity: "", due: "" }]);
  const chosenSite = site === "" ? (sites.data?.items[0]?.code ?? "") : site;
  const zone = sites.data?.items.find((each) => each.code === chosenSite)?.time_zone ?? "UTC";
  const create = useMutation({
    mutationFn: () =>
      api.createOrder({
        site: chosenSite,
        customer,
        ...(reference.trim() === "" ? {} : { customer_reference: reference.trim() }),
        priority: PRIORITIES[priority],
        release: release || rush,
        lines: lines.map((line) => ({
          item: line.item,
          quantity: Number(line.quantity),
          ...(line.due === "" ? {} : { due_at: instantOf(line.due, zone) }),
        })),
      }),
    onSuccess: async (order) => {
      await queries.invalidateQueries({ queryKey: ["orders"] });
      tell(t(rush ? "create.rush_done" : "create.done", { number: order.number }));
      close();
      await navigate({ to: "/orders/$number", params: { number: order.number } });
    },
  });
  const edit = (key: number, change: Partial<DraftLine>): void => {
    setLines(lines.map((line) => (line.key === key ? { ...line, ...change } : line)));
  };
  return (
    <Dialog title={t(rush ? "create.rush_title" : "create.title")} text={t(rush ? "create.rush_text" : "create.text")} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <div className="form-pair">
          <label className="field">
            <span>{t("orders.customer")}</span>
            <select required value={customer} onChange={(event) => { setCustomer(event.target.value); }}>
              <option value="" disabled>
                {customers.isPending ? t("state.loading") : t("create.choose")}
              </option>
              {customers.data?.items.map((each) => (
                <option key={each.code} value={each.code}>
                  {each.name}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>{t("create.reference")}</span>
            <input value={reference} maxLength={200} onChange={(event) => { setReference(event.target.value); }} />
          </label>
        </div>
        {!rush && (
          <label className="field">
            <span>{t("create.priority")}</span>
            <select value={priority} onChange={(event) => { setPriority(event.target.value as PriorityName); }}>
              {(Object.keys(PRIORITIES) as PriorityName[]).map((name) => (
                <option key={name} value={name}>
                  {wordOf(t, "priority", name)}
                </option>
              ))}
            </select>
          </label>
        )}
        {(sites.data?.items.length ?? 0) > 1 && (
          <label className="field">
            <span>{t("orders.site")}</span>
            <select value={chosenSite} onChange={(event) => { setSite(event.target.value); }}>
              {sites.data?.items.map((each) => (
                <option key={each.code} value={each.code}>
                  {each.name}
                </option>
              ))}
            </select>
          </label>
        )}
        {lines.map((line, place) => {
          const unit = items.data?.items.find((each) => each.code === line.item)?.unit ?? "pcs";
          return (
            <fieldset key={line.key} className="draft-line">
              <legend>{t("create.line", { number: place + 1 })}</legend>
              <label className="field">
                <span>{t("orders.item")}</span>
                <select required value={line.item} onChange={(event) => { edit(line.key, { item: event.target.value }); }}>
                  <option value="" disabled>
                    {items.isPending ? t("state.loading") : t("create.choose")}
                  </option>
                  {items.data?.items.map((each) => (
                    <option key={each.code} value={each.code}>
                      {each.name}
                    </option>
                  ))}
                </select>
              </label>
              <label className="field">
                <span>{t("create.quantity", { unit: formatUnit(t, unit, 2) })}</span>
                <input required type="number" min="0.001" step="any" inputMode="decimal" value={line.quantity} onChange={(event) => { edit(line.key, { quantity: event.target.value }); }} />
              </label>
              <label className="field">
                <span>{t("create.due", { zone })}</span>
                <input type="datetime-local" required={rush} value={line.due} onChange={(event) => { edit(line.key, { due: event.target.value }); }} />
              </label>
              {lines.length > 1 && (
                <button type="button" className="button button-quiet" aria-label={t("create.remove_line", { number: place + 1 })} onClick={() => { setLines(lines.filter((other) => other !== line)); }}>
                  <Glyph name="close" />
                </button>
              )}
            </fieldset>
          );
        })}
        <div className="form-between">
          <button type="button" className="button" onClick={() => { setLines([...lines, { key: Math.max(...lines.map((line) => line.key)) + 1, item: "", quantity: "", due: "" }]); }}>
            <Glyph name="plus" />
            {t("create.add_line")}
          </button>
          {!rush && (
            <label className="check">
              <input type="checkbox" checked={release} onChange={(event) => { setRelease(event.target.checked); }} />
              <span>{t("create.release")}</span>
            </label>
          )}
        </div>
        <FormFoot error={create.error ?? customers.error ?? items.error} waiting={create.isPending} action={t(rush ? "create.rush_submit" : "create.submit")} close={close} />
      </form>
    </Dialog>
  );
}
