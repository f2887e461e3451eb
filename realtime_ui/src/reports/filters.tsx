import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { useSites } from "../app/sites.ts";
import { formatMoment } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { instantOf, localOf } from "../orders/dates.ts";
import { useNarrow } from "../ui/narrow.ts";
import { GRAINS } from "./envelope.ts";
import { useReportWords } from "./language.tsx";
import { grainOf, isDay, PRESETS } from "./periods.ts";
import { DEFAULT_PERIOD, periodOf, type ReportSearch } from "./search.ts";

const KEPT_MS = 300_000;

/** The lines of a site, or of all, by the paths of their machines: `site/area/line`. */
function useLines(site: string | undefined): string[] {
  const machines = useQuery({ queryKey: ["machines"], queryFn: api.machines, staleTime: KEPT_MS }).data?.items ?? [];
  const lines = machines.map((each) => each.machine.split("/").slice(0, 3).join("/"));
  return [...new Set(lines)].filter((line) => line.split("/").length === 3 && (site === undefined || line.startsWith(`${site}/`))).sort();
}

interface FiltersProps {
  search: ReportSearch;
  today: string;
  zone: string;
  now: number;
  apply: (change: Partial<Record<keyof ReportSearch, string | undefined>>) => void;
}

/** Which period, of what, as known when: all of it stands in the address. */
export function Filters(props: FiltersProps): ReactElement {
  const t = useReportWords();
  const narrow = useNarrow();
  if (!narrow) return <Fields {...props} />;
  return (
    <details className="report-fold">
      <summary data-testid="filters-fold">{t("reports.filters")}</summary>
      <Fields {...props} />
    </details>
  );
}

function Fields({ search, today, zone, now, apply }: FiltersProps): ReactElement {
  const t = useReportWords();
  const sites = useSites().data?.items ?? [];
  const lines = useLines(search.site);
  const days = periodOf(search, today);
  const chosen = search.period ?? DEFAULT_PERIOD;
  return (
    <form className="report-filters" role="search" aria-label={t("reports.filters")} onSubmit={(event) => { event.preventDefault(); }}>
      <div className="chips" role="group" aria-label={t("reports.period")}>
        {PRESETS.map((preset) => (
          <button key={preset} type="button" className="chip" aria-pressed={preset === chosen} onClick={() => { apply(preset === "custom" ? { period: preset, ...days } : { period: preset }); }} data-testid={`period-${preset}`}>
            {t(`reports.period_${preset}`)}
          </button>
        ))}
      </div>
      <div className="report-fields">
        {chosen === "custom" && (
          <>
            <label className="field">
              <span>{t("reports.from")}</span>
              <input type="date" name="from" value={days.from} max={days.to} onChange={(event) => { if (isDay(event.target.value)) apply({ from: event.target.value, ...(event.target.value > days.to ? { to: event.target.value } : {}) }); }} />
            </label>
            <label className="field">
              <span>{t("reports.to")}</span>
              <input type="date" name="to" value={days.to} min={days.from} onChange={(event) => { if (isDay(event.target.value)) apply({ to: event.target.value, ...(event.target.value < days.from ? { from: event.target.value } : {}) }); }} />
            </label>
          </>
        )}
        {sites.length > 1 && (
          <label className="field">
            <span>{t("reports.site")}</span>
            <select name="site" value={search.site ?? ""} onChange={(event) => { apply({ site: event.target.value, line: "" }); }}>
              <option value="">{t("reports.all_sites")}</option>
              {sites.map((site) => (
                <option key={site.code} value={site.code}>
                  {site.name}
                </option>
              ))}
            </select>
          </label>
        )}
        <label className="field">
          <span>{t("reports.line")}</span>
          <select name="line" value={search.line ?? ""} onChange={(event) => { apply({ line: event.target.value }); }}>
            <option value="">{t("reports.all_lines")}</option>
            {lines.map((line) => (
              <option key={line} value={line}>
                {search.site === undefined ? line : line.split("/").slice(1).join("/")}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t("reports.grain")}</span>
          <select name="grain" value={search.grain ?? ""} onChange={(event) => { apply({ grain: event.target.value }); }}>
            <option value="">{t("reports.grain_auto", { grain: t(`reports.grain_${grainOf(days)}`) })}</option>
            {GRAINS.map((grain) => (
              <option key={grain} value={grain}>
                {wordOf(t, "reports", `grain_${grain}`)}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t("reports.as_of")}</span>
          <input
            type="datetime-local"
            name="as_of"
            value={localOf(search.as_of ?? null, zone)}
            max={localOf(new Date(now).toISOString(), zone)}
            onChange={(event) => { apply({ as_of: event.target.value === "" ? "" : instantOf(event.target.value, zone) }); }}
          />
        </label>
      </div>
    </form>
  );
}

/** That these figures are not today's: told above all of them. */
export function AsOf({ search, zone, now, apply }: Omit<FiltersProps, "today">): ReactElement | null {
  const t = useReportWords();
  if (search.as_of === undefined) return null;
  return (
    <p className="as-of" role="status" data-testid="as-of">
      <span>{t("reports.as_known", { at: formatMoment(t, Date.parse(search.as_of), now, zone) })}</span>
      <button type="button" className="button button-small" onClick={() => { apply({ as_of: "" }); }}>
        {t("reports.as_now")}
      </button>
    </p>
  );
}
