import type { ReactElement } from "react";
import type { RearrangementPreview } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { useDesk } from "../desk/language.tsx";
import { Table } from "../desk/table.tsx";
import { formatDuration, formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";

/** What a split or a merge would do: work orders, set-up, and the dates of the customers' lines. */
export function PreviewTable({ preview, site }: { preview: RearrangementPreview; site: string }): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(site);
  const said = (text: string | null): string => {
    const at = timeOf(text);
    return at === null ? "–" : formatMoment(t, at, now, zone);
  };
  const fromTo = (from: string | null, to: string | null): string => (from === to || (from !== null && to !== null && said(from) === said(to)) ? said(to) : `${said(from)} → ${said(to)}`);
  if (preview.nothing) return <p>{t("rearrange.nothing")}</p>;
  const saved = preview.setup_saved_minutes;
  return (
    <section className="desk" aria-label={t("rearrange.preview")} data-testid="rearrangement">
      <ul className="figures">
        <li>
          <span>{t("rearrange.figure_works")}</span>
          <strong>
            {preview.work_orders_before} → {preview.work_orders_after}
          </strong>
        </li>
        {saved !== null && (
          <li data-testid="setup-saved">
            <span>{t(saved < 0 ? "rearrange.figure_more" : "rearrange.figure_saved")}</span>
            <strong>{formatDuration(t, saved * 60_000)}</strong>
          </li>
        )}
        {preview.setups_before !== null && preview.setups_after !== null && (
          <li>
            <span>{t("rearrange.figure_setups")}</span>
            <strong>
              {preview.setups_before} → {preview.setups_after}
            </strong>
          </li>
        )}
      </ul>
      {preview.estimated && <p className="faint">{t("rearrange.estimated")}</p>}
      <Table
        label={t("rearrange.figure_works")}
        columns={[
          { key: "number", label: t("field.work_order"), title: true },
          { key: "change", label: t("import.outcome") },
          { key: "quantity", label: t("import.quantity"), number: true },
          { key: "end", label: t("orders.projected") },
          { key: "for", label: t("rearrange.for") },
        ]}
        rows={preview.work_orders.map((work, place) => ({
          key: String(place),
          cells: [
            <span key="number" className="nowrap">{work.number ?? t("rearrange.new")}</span>,
            <span key="change" className="nowrap">{wordOf(t, "work_change", work.change)}</span>,
            `${work.quantity_before === null ? "–" : formatNumber(work.quantity_before, t.language)} → ${work.quantity_after === null ? "–" : formatNumber(work.quantity_after, t.language)} ${formatUnit(t, work.unit, 2)}`,
            work.change === "gone" ? said(work.projected_end_before) : work.change === "new" ? said(work.projected_end) : fromTo(work.projected_end_before, work.projected_end),
            work.lines.map((line) => `${line.order}/${line.line} (${formatNumber(line.quantity, t.language)})`).join(", "),
          ],
        }))}
      />
      {preview.lines.length > 0 && (
        <Table
          label={t("rearrange.lines")}
          testid="rearranged-lines"
          columns={[
            { key: "line", label: t("rearrange.lines"), title: true },
            { key: "due", label: t("orders.due") },
            { key: "end", label: t("orders.projected") },
            { key: "late", label: t("orders.lateness") },
          ]}
          rows={preview.lines.map((line) => ({
            key: `${line.order}/${line.line}`,
            cells: [
              `${line.order}/${line.line} · ${line.customer}`,
              said(line.due),
              fromTo(line.projected_end_before, line.projected_end),
              line.late === true ? (
                <span key="late" className="lateness lateness-late">
                  <Glyph name="late" />
                  {t(line.late_before === true ? "rearrange.stays_late" : "rearrange.would_be_late")}
                </span>
              ) : line.late === false ? (
                t(line.late_before === true ? "rearrange.in_time_again" : "promise.in_time")
              ) : (
                "–"
              ),
            ],
          }))}
        />
      )}
    </section>
  );
}
