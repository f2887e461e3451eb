import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OrderDetails, Wish } from "../api/types.ts";
import { tell } from "../app/toasts.tsx";
import { useDesk } from "../desk/language.tsx";
import { formatNumber, formatUnit } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { Dialog } from "../ui/dialog.tsx";
import { reasonOf, Skeleton } from "../ui/states.tsx";
import { Candidates } from "./candidates.tsx";
import { PreviewTable } from "./preview.tsx";
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
  // Who is merged is chosen; nobody is, until somebody says so.
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const merged = (pegs.data?.candidates ?? []).filter((each) => chosen.has(each.id)).map((each) => each.id);
  const wish: Wish | null = how === "merge" ? (merged.length === 0 ? null : { action: "merge", work_orders: [work, ...merged], into: work }) : splitOf(work, how, value);
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
            .finally(() => {
              void queries.invalidateQueries({ queryKey: ["rearrangements"] });
              void read();
            });
        },
      });
      close();
    },
    onSettled: async () => {
      await Promise.all(["work-order-pegs", "rearrangements"].map((key) => queries.invalidateQueries({ queryKey: [key] })));
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
            <select value={work} onChange={(event) => { const next = Number(event.target.value); change(() => { setWork(next); setChosen(new Set()); }); }}>
              {works.map(([id, number]) => (
                <option key={id} value={id}>
                  {number}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>{t("rearrange.how")}</span>
            <select value={how} onChange={(event) => { const next = event.target.value as How; change(() => { setHow(next); setValue(""); }); }} data-testid="how">
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
            how === "merge" ? (
              <Candidates candidates={pegs.data.candidates} site={details.site} chosen={chosen} choose={(next) => { change(() => { setChosen(next); }); }} />
            ) : (
              <p className="faint">{t("rearrange.splittable", { quantity: `${formatNumber(pegs.data.splittable, t.language)} ${formatUnit(t, unit, pegs.data.splittable)}` })}</p>
            )
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
          {preview.data !== undefined && wish !== null && !preview.data.nothing && (
            <button type="button" className="button button-primary" disabled={apply.isPending} onClick={() => { apply.mutate({ wanted: preview.variables, token: preview.data.token }); }} data-testid="apply">
              {t("rearrange.apply")}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}
