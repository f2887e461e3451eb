import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OrderChange, OrderDetails, OrderLine, OrderView, CreatedLink } from "../api/types.ts";
import { tell } from "../app/toasts.tsx";
import { useZone } from "../app/sites.ts";
import { formatMoment, formatUnit, timeOf } from "../i18n/format.ts";
import { useDesk } from "../desk/language.tsx";
import { RearrangeDialog } from "./rearrange.tsx";
import { OrderDecisions } from "../review/decisions.tsx";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Confirm, Dialog, FormFoot } from "../ui/dialog.tsx";
import { Glyph } from "../ui/glyph.tsx";
import { reasonOf } from "../ui/states.tsx";
import { instantOf, localOf } from "./dates.ts";

type Open = "release" | "rearrange" | "change" | "cancel" | "link" | null;

interface OrderProps {
  order: OrderView;
  details: OrderDetails;
}

/** What may be done with the order by whoever looks at it, in its state. */
export function OrderActions({ order, details }: OrderProps): ReactElement | null {
  const t = useDesk();
  const mayOrder = usePermission("order");
  const mayReview = usePermission("review");
  const queries = useQueryClient();
  const [open, setOpen] = useState<Open>(null);
  const close = (): void => { setOpen(null); };
  const read = (): Promise<unknown> => Promise.all([queries.invalidateQueries({ queryKey: ["order", order.number] }), queries.invalidateQueries({ queryKey: ["order-events", order.number] }), queries.invalidateQueries({ queryKey: ["order-timeline", order.number] }), queries.invalidateQueries({ queryKey: ["findings", order.number] }), queries.invalidateQueries({ queryKey: ["review"] }), queries.invalidateQueries({ queryKey: ["orders"] })]);
  const release = useMutation({
    mutationFn: () => api.releaseOrder(order.number),
    onSuccess: () => { tell(t("order.released_done", { number: order.number })); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: read,
  });
  if (!mayOrder && !mayReview) return null;
  const ended = order.state === "produced" || order.state === "cancelled";
  const beforeRelease = ["received", "under_review", "confirmed"].includes(order.state);
  return (
    <div className="actions">
      <OrderDecisions order={details} errors={details.errors} after={read} />
      {mayOrder && beforeRelease && details.errors === 0 && (
        <button type="button" className={details.state === "confirmed" ? "button button-primary" : "button"} disabled={release.isPending} onClick={() => { setOpen("release"); }}>
          {t("order.release")}
        </button>
      )}
      {mayOrder && !ended && (
        <button type="button" className="button" onClick={() => { setOpen("change"); }}>
          {t("order.change")}
        </button>
      )}
      {mayOrder && (
        <button type="button" className="button" onClick={() => { setOpen("link"); }}>
          {t("order.link")}
        </button>
      )}
      {mayOrder && !ended && (
        <button type="button" className="button" onClick={() => { setOpen("cancel"); }}>
          {t("order.cancel")}
        </button>
      )}
      {mayOrder && !ended && details.pegs.length > 0 && (
        <button type="button" className="button" onClick={() => { setOpen("rearrange"); }} data-testid="rearrange">
          {t("rearrange.open")}
        </button>
      )}
      {open === "rearrange" && <RearrangeDialog details={details} close={close} read={read} />}
      {open === "release" && <Confirm title={t("order.release_title", { number: order.number })} text={t("order.release_text")} action={t("order.release")} close={close} confirm={() => { release.mutate(); }} />}
      {open === "change" && <ChangeDialog order={order} details={details} close={close} read={read} />}
      {open === "cancel" && <CancelDialog order={order} details={details} close={close} read={read} />}
      {open === "link" && <LinkDialog order={order} close={close} />}
    </div>
  );
}

function CancelDialog({ order, details, close, read }: OrderProps & { close: () => void; read: () => Promise<unknown> }): ReactElement {
  const t = useDesk();
  const [reason, setReason] = useState("");
  const cancel = useMutation({
    mutationFn: () => api.cancelOrder(order.number, reason.trim(), details.version),
    onSuccess: () => {
      tell(t("order.cancelled_done", { number: order.number }));
      close();
    },
    onSettled: read,
  });
  return (
    <Dialog title={t("order.cancel_title", { number: order.number })} text={t("order.cancel_text")} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          cancel.mutate();
        }}
      >
        <label className="field">
          <span>{t("order.reason")}</span>
          <textarea required rows={3} maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
        </label>
        <FormFoot error={cancel.error} waiting={cancel.isPending || reason.trim() === ""} action={t("order.cancel_submit")} close={close} danger />
      </form>
    </Dialog>
  );
}

/** The fields of a line as the form holds them. */
interface Draft {
  quantity: string;
  due: string;
}

function ChangeDialog({ order, details, close, read }: OrderProps & { close: () => void; read: () => Promise<unknown> }): ReactElement {
  const t = useDesk();
  const zone = useZone(order.site);
  const lines = details.lines.filter((line) => !["produced", "cancelled"].includes(line.state));
  const asIs = (line: OrderLine): Draft => ({ quantity: String(line.quantity), due: localOf(line.due, zone) });
  const [drafts, setDrafts] = useState(() => new Map(lines.map((line) => [line.number, asIs(line)])));
  const [asked, setAsked] = useState(false);
  const wanted = (of: (line: OrderLine) => Draft): NonNullable<OrderChange["lines"]> =>
    lines.flatMap((line) => {
      const [now, next] = [drafts.get(line.number) ?? asIs(line), of(line)];
      const before = asIs(line);
      const change = {
        ...(now.quantity === before.quantity ? {} : { quantity: Number(next.quantity) }),
        ...(now.due === before.due || next.due === "" ? {} : { due_at: instantOf(next.due, zone) }),
      };
      return Object.keys(change).length === 0 ? [] : [{ number: line.number, ...change }];
    });
  const changes = wanted((line) => drafts.get(line.number) ?? asIs(line));
  const change = useMutation({
    mutationFn: () => api.changeOrder(order.number, { version: details.version, lines: changes, asked_by_customer: asked }),
    onSuccess: () => {
      const back = wanted(asIs);
      tell(t("order.changed_done", { number: order.number }), {
        undo: () => {
          void api
            .order(order.number)
            .then((now) => api.changeOrder(order.number, { version: now.version, lines: back, asked_by_customer: asked }))
            .then(
              () => { tell(t("order.undone")); },
              (error: unknown) => { tell(reasonOf(t, error), { bad: true }); },
            )
            .finally(() => void read());
        },
      });
      close();
    },
    onSettled: read,
  });
  const edit = (line: OrderLine, part: Partial<Draft>): void => {
    setDrafts(new Map(drafts).set(line.number, { ...(drafts.get(line.number) ?? asIs(line)), ...part }));
  };
  return (
    <Dialog title={t("order.change_title", { number: order.number })} text={t("order.change_text")} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        {lines.map((line) => (
          <fieldset key={line.number} className="draft-line">
            <legend>{t("order.line_title", { number: line.number, item: line.item_name })}</legend>
            <label className="field">
              <span>{t("create.quantity", { unit: formatUnit(t, line.unit, 2) })}</span>
              <input required type="number" min="0.001" step="any" inputMode="decimal" value={drafts.get(line.number)?.quantity ?? ""} onChange={(event) => { edit(line, { quantity: event.target.value }); }} />
            </label>
            <label className="field">
              <span>{t("create.due", { zone })}</span>
              <input type="datetime-local" value={drafts.get(line.number)?.due ?? ""} onChange={(event) => { edit(line, { due: event.target.value }); }} />
            </label>
          </fieldset>
        ))}
        <label className="check">
          <input type="checkbox" checked={asked} onChange={(event) => { setAsked(event.target.checked); }} />
          <span>{t("order.change_asked")}</span>
        </label>
        <FormFoot error={change.error} waiting={change.isPending || changes.length === 0} action={t("order.change_submit")} close={close} />
      </form>
    </Dialog>
  );
}

function LinkDialog({ order, close }: { order: OrderView; close: () => void }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(order.site);
  const [copied, setCopied] = useState(false);
  const create = useMutation({ mutationFn: () => api.createTrackingLink(order.number) });
  const link: CreatedLink | undefined = create.data;
  // The installation may not know under which name it is reached: this page does.
  const address = link === undefined ? "" : new URL(link.url, location.origin).href;
  const expires = timeOf(link?.expires_at);
  return (
    <Dialog title={t("link.title", { number: order.number })} text={t("link.text", { customer: order.customer })} close={close}>
      {link === undefined ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate();
          }}
        >
          <FormFoot error={create.error} waiting={create.isPending} action={t("link.create")} close={close} />
        </form>
      ) : (
        <>
          <label className="field">
            <span>{expires === null ? t("link.address") : t("link.address_until", { date: formatMoment(t, expires, now, zone) })}</span>
            <input readOnly value={address} data-testid="tracking-url" onFocus={(event) => { event.target.select(); }} />
          </label>
          <p className="faint">{t("link.once")}</p>
          <div className="dialog-actions">
            <button type="button" className="button" onClick={close}>
              {t("action.close")}
            </button>
            <button
              type="button"
              className="button button-primary"
              onClick={() => {
                void navigator.clipboard.writeText(address).then(
                  () => { setCopied(true); },
                  () => { tell(t("link.copy_failed"), { bad: true }); },
                );
              }}
            >
              <Glyph name={copied ? "completed" : "copy"} />
              {copied ? t("link.copied") : t("link.copy")}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
