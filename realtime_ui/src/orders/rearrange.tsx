import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OrderDetails, RearrangementPreview, Wish } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { useDesk } from "../desk/language.tsx";
import { formatDuration, formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Dialog } from "../ui/dialog.tsx";
import { reasonOf, Skeleton } from "../ui/states.tsx";
import { HOW, quantitiesOf, splitOf, type How } from "./split.ts";

interface RearrangeProps {
  details: OrderDetails;
  close: () => void;
  read: () => Promise<unknown>;
}

/** Split a work order of the order, or merge it with others: looked at before it is done, and undone after. */
export function RearrangeDialog({ details, close, read }: RearrangeProps): ReactElement {
  const t = useDesk();
  const queries = useQueryClient();
  const works = [...new Map(details.pegs.map((peg) => [peg.work_order_id, peg.work_order])).entries()];
  const [work, setWork] = useState(works[0]?.[0] ?? 0);
  const [how, setHow] = useState<How>("quantities");
  const [value, setValue] = useState("");
  const pegs = useQuery({ queryKey: ["work-order-pegs", work], queryFn: () => api.workOrderPegs(work), enabled: work > 0 });
  const wish: Wish | null = how === "merge" ? (pegs.data === undefined || pegs.data.alike.length === 0 ? null : { action: "merge", work_orders: [work, ...pegs.data.alike], into: work }) : splitOf(work, how, value);
  const preview = useMutation({ mutationFn: (wanted: Wish) => api.previewRearrangement(wanted) });
  const apply = useMutation({
    mutationFn: ({ wanted, token }: { wanted: Wish; token: string }) => api.applyRearrangement(wanted, token),
    onSuccess: (made) => {
      tell(t("rearrange.done", { after: made.after.length }), {
        undo: () => {
          void api
            .undoRearrangement(made.id)
            .then(
              () => { tell(t("rearrange.undone")); },
              (error: unknown) => { tell(reasonOf(t, error), { bad: true }); },
            )
            .finally(() => void read());
        },
      });
      close();
    },
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: ["work-order-pegs"] });
      await read();
    },
  });
  const change = (next: () => void): void => {
    preview.reset();
    apply.reset();
    next();
  };
  const unit = details.unit;
  const wrong = how === "quantities" && value !== "" && quantitiesOf(value) === null;
  return (
    <Dialog title={t("rearrange.title")} text={t("rearrange.text")} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (wish !== null) preview.mutate(wish);
        }}
      >
        <div className="form-pair">
          <label className="field">
            <span>{t("field.work_order")}</span>
            <select value={work} onChange={(event) => { change(() => { setWork(Number(event.target.value)); }); }}>
              {works.map(([id, number]) => (
                <option key={id} value={id}>
                  {number}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>{t("rearrange.how")}</span>
            <select value={how} onChange={(event) => { change(() => { setHow(event.target.value as How); setValue(""); }); }} data-testid="how">
              {HOW.map((each) => (
                <option key={each} value={each}>
                  {wordOf(t, "split_by", each)}
                </option>
              ))}
            </select>
          </label>
        </div>
        {how !== "merge" && how !== "order" && (
          <label className="field">
            <span>{wordOf(t, "split_value", how)}</span>
            <input name="how-much" required inputMode="decimal" autoComplete="off" value={value} aria-invalid={wrong} onChange={(event) => { const typed = event.target.value; change(() => { setValue(typed); }); }} />
          </label>
        )}
        {pegs.isPending && work > 0 ? (
          <Skeleton width="60%" height="20px" />
        ) : (
          pegs.data !== undefined && (
            <p className="faint">
              {how === "merge"
                ? t("rearrange.alike", { n: pegs.data.alike.length })
                : t("rearrange.splittable", { quantity: `${formatNumber(pegs.data.splittable, t.language)} ${formatUnit(t, unit, pegs.data.splittable)}` })}
            </p>
          )
        )}
        {preview.data !== undefined && <PreviewTable preview={preview.data} site={details.site} />}
        <p className="dialog-error" role="alert">
          {preview.isError ? reasonOf(t, preview.error) : apply.isError ? reasonOf(t, apply.error) : pegs.isError ? reasonOf(t, pegs.error) : ""}
        </p>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={close}>
            {t("action.back")}
          </button>
          <button type="submit" className={preview.data === undefined ? "button button-primary" : "button"} disabled={wish === null || preview.isPending} data-testid="preview">
            {t("rearrange.preview")}
          </button>
          {preview.data !== undefined && !preview.data.nothing && (
            <button type="button" className="button button-primary" disabled={apply.isPending} onClick={() => { apply.mutate({ wanted: preview.variables, token: preview.data.token }); }} data-testid="apply">
              {t("rearrange.apply")}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}

function PreviewTable({ preview, site }: { preview: RearrangementPreview; site: string }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(site);
  const said = (text: string | null): string => {
    const at = timeOf(text);
    return at === null ? "–" : formatMoment(t, at, now, zone);
  };
  if (preview.nothing) return <p>{t("rearrange.nothing")}</p>;
  const saved = preview.setup_saved_minutes;
  return (
    <section aria-label={t("rearrange.preview")} data-testid="rearrangement">
      <p>
        <strong>{t("rearrange.work_orders", { before: preview.work_orders_before, after: preview.work_orders_after })}</strong>
        {saved !== null && <> · {t(saved < 0 ? "rearrange.setup_more" : "rearrange.setup_saved", { duration: formatDuration(t, saved * 60_000) })}</>}
      </p>
      {preview.estimated && <p className="faint">{t("rearrange.estimated")}</p>}
      <div className="scroll-x" role="region" aria-label={t("rearrange.preview")} tabIndex={0}>
        <table className="table">
          <thead>
            <tr>
              <th scope="col">{t("field.work_order")}</th>
              <th scope="col">{t("import.outcome")}</th>
              <th scope="col" className="number">{t("import.quantity")}</th>
              <th scope="col">{t("orders.projected")}</th>
              <th scope="col">{t("rearrange.for")}</th>
            </tr>
          </thead>
          <tbody>
            {preview.work_orders.map((work, place) => (
              <tr key={place}>
                <td>{work.number ?? t("rearrange.new")}</td>
                <td>{wordOf(t, "work_change", work.change)}</td>
                <td className="number">
                  {work.quantity_before === null ? "–" : formatNumber(work.quantity_before, t.language)} → {work.quantity_after === null ? "–" : formatNumber(work.quantity_after, t.language)} {formatUnit(t, work.unit, 2)}
                </td>
                <td>
                  {said(work.projected_end_before)} → {said(work.projected_end)}
                </td>
                <td>{work.lines.map((line) => `${line.order}/${line.line} (${formatNumber(line.quantity, t.language)})`).join(", ")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {preview.lines.some((line) => line.late === true && line.late_before !== true) && (
        <p>
          <strong>{t("rearrange.becomes_late", { lines: preview.lines.filter((line) => line.late === true && line.late_before !== true).map((line) => `${line.order}/${line.line}`).join(", ") })}</strong>
        </p>
      )}
    </section>
  );
}
