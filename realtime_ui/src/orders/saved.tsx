import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { NewView, SavedView } from "../api/types.ts";
import { tell } from "../app/toasts.tsx";
import { useDesk } from "../desk/language.tsx";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { reasonOf } from "../ui/states.tsx";
import { bodyOf, filtersOf, type OrderFilters } from "./filters.ts";

const VIEWS = ["order-views"] as const;

/** Views of the list: choose one, keep this one, forget one of one's own. */
export function SavedViewsMenu({ filters, zone }: { filters: OrderFilters; zone: string }): ReactElement {
  const t = useDesk();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const views = useQuery({ queryKey: VIEWS, queryFn: api.orderViews, staleTime: 60_000 });
  const [saving, setSaving] = useState(false);
  const here = JSON.stringify(filtersOf({ ...filters }));
  const items = views.data?.items ?? [];
  const current = items.find((each) => JSON.stringify(filtersOf(each.view.query ?? {})) === here);
  const forget = useMutation({
    mutationFn: (view: SavedView) => api.deleteOrderView(view.name),
    onSuccess: (_done, view) => {
      tell(t("views.deleted", { name: view.name }), {
        undo: () => {
          void api
            .putOrderView(view.name, { ...view.view, shared: view.shared })
            .then(
              () => { tell(t("views.saved", { name: view.name })); },
              (error: unknown) => { tell(reasonOf(t, error), { bad: true }); },
            )
            .finally(() => void queries.invalidateQueries({ queryKey: VIEWS }));
        },
      });
    },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: VIEWS }),
  });
  return (
    <div className="views">
      <label>
        <span className="hidden-words">{t("views.label")}</span>
        <select
          value={current === undefined ? "" : `${current.owner}/${current.name}`}
          data-testid="views"
          onChange={(event) => {
            const chosen = items.find((each) => `${each.owner}/${each.name}` === event.target.value);
            void navigate({ to: "/orders", search: chosen === undefined ? {} : filtersOf(chosen.view.query ?? {}) });
          }}
        >
          <option value="">{t(current === undefined && here !== "{}" ? "views.unsaved" : "views.everything")}</option>
          {items.map((each) => (
            <option key={`${each.owner}/${each.name}`} value={`${each.owner}/${each.name}`}>
              {each.own ? each.name : t("views.of", { name: each.name, owner: each.owner })}
            </option>
          ))}
        </select>
      </label>
      {current === undefined && here !== "{}" && (
        <button type="button" className="button" onClick={() => { setSaving(true); }} data-testid="save-view">
          {t("views.save")}
        </button>
      )}
      {current?.own === true && (
        <button type="button" className="button button-quiet" disabled={forget.isPending} onClick={() => { forget.mutate(current); }}>
          {t("views.delete")}
        </button>
      )}
      {saving && <SaveView filters={filters} zone={zone} close={() => { setSaving(false); }} />}
    </div>
  );
}

function SaveView({ filters, zone, close }: { filters: OrderFilters; zone: string; close: () => void }): ReactElement {
  const t = useDesk();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const save = useMutation({
    mutationFn: () => {
      const query = Object.fromEntries(Object.entries(filtersOf({ ...filters })));
      const view: NewView = { filter: bodyOf(filters, zone), sort: (filters.sort ?? "received") as NonNullable<NewView["sort"]>, query, shared };
      return api.putOrderView(name.trim(), view);
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: VIEWS });
      tell(t("views.saved", { name: name.trim() }));
      close();
    },
  });
  return (
    <Dialog title={t("views.save_title")} text={t("views.save_text")} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <label className="field">
          <span>{t("views.name")}</span>
          <input required name="view" maxLength={100} value={name} onChange={(event) => { setName(event.target.value); }} />
        </label>
        <label className="check">
          <input type="checkbox" checked={shared} onChange={(event) => { setShared(event.target.checked); }} />
          <span>{t("views.shared")}</span>
        </label>
        <FormFoot error={save.error} waiting={save.isPending || name.trim() === ""} action={t("views.save_submit")} close={close} />
      </form>
    </Dialog>
  );
}
