import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { ColumnMapping, TableFormat } from "../api/types.ts";
import { tell } from "../app/toasts.tsx";
import { useDesk } from "../desk/language.tsx";
import { wordOf } from "../i18n/translator.ts";
import { Failed, reasonOf, Skeleton } from "../ui/states.tsx";

/** What a column can tell; the first ones are what nearly every table has. */
const FIELDS = [
  "order_number", "customer", "item", "quantity", "unit", "due", "customer_item", "customer_name", "customer_reference", "position", "description", "price",
  "currency", "order_date", "order_due", "priority", "gtin", "price_basis", "version", "action", "note", "ship_to_name", "ship_to_street", "ship_to_city", "ship_to_postal_code", "ship_to_country",
] as const;
const COMMON = 8;
const ROWS = 5;

interface ColumnsProps {
  file: File;
  format: TableFormat;
  /** What somebody has said; null: what was guessed holds. */
  mapping: ColumnMapping | null;
  apply: (mapping: ColumnMapping | null) => void;
}

/** The table's first rows, and which of its columns means what: guessed, remembered, or said. */
export function Columns({ file, format, mapping, apply }: ColumnsProps): ReactElement {
  const t = useDesk();
  const queries = useQueryClient();
  const columns = mapping === null ? undefined : JSON.stringify(mapping);
  const preview = useQuery({
    queryKey: ["preview", file.name, file.size, file.lastModified, format, columns],
    queryFn: () => api.previewTable(format, file, { columns, rows: ROWS }),
    staleTime: 60_000,
    placeholderData: (before) => before,
  });
  const remembered = useQuery({ queryKey: ["mappings"], queryFn: api.mappings, staleTime: 60_000 });
  const [name, setName] = useState("");
  const save = useMutation({
    mutationFn: (content: ColumnMapping) => api.putMapping(name.trim(), format, content),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["mappings"] });
      tell(t("mapping.saved", { name: name.trim() }));
    },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
  });
  if (preview.isError && preview.data === undefined) return <Failed what={t("mapping.failed")} error={preview.error} retry={() => void preview.refetch()} />;
  if (preview.data === undefined) return <Skeleton width="100%" height="120px" />;
  const now: ColumnMapping = mapping ?? preview.data.mapping ?? {};
  const { header, rows } = preview.data;
  const meant = new Map(Object.entries(now.columns ?? {}).map(([field, heading]) => [heading, field]));
  const put = (field: (typeof FIELDS)[number], heading: string): void => {
    const others = Object.fromEntries(Object.entries(now.columns ?? {}).filter(([each]) => each !== field));
    apply({ ...now, columns: heading === "" ? others : { ...others, [field]: heading } });
  };
  const choice = (field: (typeof FIELDS)[number]): ReactElement => (
    <label key={field} className="field">
      <span>{wordOf(t, "column", field)}</span>
      <select value={now.columns?.[field] ?? ""} onChange={(event) => { put(field, event.target.value); }} data-testid={`column-${field}`}>
        <option value="">{t("mapping.none")}</option>
        {header.filter((heading) => heading !== "").map((heading) => (
          <option key={heading} value={heading}>
            {heading}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <section className="desk" aria-label={t("mapping.title")}>
      <div className="scroll-x" role="region" aria-label={t("mapping.rows")} tabIndex={0}>
        <table className="table table-wide">
          <thead>
            <tr>
              {header.map((heading, place) => (
                <th key={place} scope="col">
                  {heading}
                  <br />
                  <span className="faint">{meant.has(heading) ? wordOf(t, "column", meant.get(heading) ?? "") : t("mapping.unused")}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.number}>
                {row.cells.map((cell, place) => (
                  <td key={place}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <details>
        <summary data-testid="mapping">{t("mapping.title")}</summary>
        <div className="desk">
          <p className="faint">{t("mapping.text")}</p>
          <div className="mapping-fields">{FIELDS.slice(0, COMMON).map(choice)}</div>
          <details>
            <summary>{t("mapping.more")}</summary>
            <div className="mapping-fields">{FIELDS.slice(COMMON).map(choice)}</div>
          </details>
          <form
            className="row"
            onSubmit={(event) => {
              event.preventDefault();
              save.mutate(now);
            }}
          >
            <label className="field">
              <span>{t("mapping.remembered")}</span>
              <select
                value=""
                onChange={(event) => {
                  const found = remembered.data?.items.find((each) => each.name === event.target.value);
                  if (found === undefined) return;
                  setName(found.name);
                  apply(found.mapping);
                }}
              >
                <option value="">{t("create.choose")}</option>
                {remembered.data?.items.filter((each) => each.format === format).map((each) => (
                  <option key={each.name} value={each.name}>
                    {each.name}
                  </option>
                ))}
              </select>
            </label>
            <label className="field">
              <span>{t("mapping.name")}</span>
              <input name="mapping" maxLength={100} value={name} onChange={(event) => { setName(event.target.value); }} />
            </label>
            <button type="submit" className="button" disabled={name.trim() === "" || save.isPending} data-testid="save-mapping">
              {t("mapping.save")}
            </button>
            {mapping !== null && (
              <button type="button" className="button button-quiet" onClick={() => { apply(null); }}>
                {t("mapping.guess")}
              </button>
            )}
          </form>
        </div>
      </details>
    </section>
  );
}
