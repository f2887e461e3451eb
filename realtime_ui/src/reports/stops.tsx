import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { useZone } from "../app/sites.ts";
import { dayIn } from "../i18n/format.ts";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { ReportWords, useReportWords } from "./language.tsx";
import { plusDays } from "./periods.ts";
import { stopsSearchOf, type StopsSearch } from "./search.ts";
import { MachineDay } from "./machineday.tsx";
import "../orders/orders.css";
import "../desk/desk.css";
import "./reports.css";
import "./stops.css";

const route = getRouteApi("/shell/reports/stops");
const KEPT_MS = 300_000;

/** `/reports/stops`: a machine's day as a strip, and why it stood, told by the machine and by people. */
export function StopsPage(): ReactElement {
  return (
    <ReportWords skeleton={<Skeleton width="100%" height="480px" />}>
      <Stops />
    </ReportWords>
  );
}

function Stops(): ReactElement {
  const t = useReportWords();
  const search = route.useSearch();
  const navigate = useNavigate();
  const now = useNow();
  const machines = useQuery({ queryKey: ["machines"], queryFn: api.machines, staleTime: KEPT_MS });
  const all = machines.data?.items ?? [];
  const machine = search.machine ?? all[0]?.machine;
  const zone = useZone((machine ?? "").split("/")[0] ?? "");
  const today = dayIn(now, zone);
  const day = search.day ?? today;
  const apply = (change: Partial<StopsSearch>): void => {
    void navigate({ to: "/reports/stops", search: stopsSearchOf({ ...search, machine, ...change }), replace: true });
  };
  if (machines.isError) return <Failed what={t("stops.failed_machines")} error={machines.error} retry={() => void machines.refetch()} />;
  return (
    <div className="desk reports">
      <header className="reports-head">
        <h1>{t("reports.stops")}</h1>
        <nav className="reports-ways" aria-label={t("reports.more")}>
          <Link className="button button-quiet" to="/reports" search={{}}>
            {t("reports.title")}
          </Link>
          {machine !== undefined && (
            <Link className="button button-quiet" to="/terminal/$" params={{ _splat: machine }}>
              {t("stops.terminal")}
            </Link>
          )}
        </nav>
      </header>
      <form className="report-fields" role="search" onSubmit={(event) => { event.preventDefault(); }}>
        <label className="field stops-machine">
          <span>{t("stops.machine")}</span>
          <select name="machine" value={machine ?? ""} onChange={(event) => { apply({ machine: event.target.value }); }}>
            {all.map((each) => (
              <option key={each.machine} value={each.machine}>
                {each.name} · {each.machine}
              </option>
            ))}
          </select>
        </label>
        <div className="stops-day">
          <button type="button" className="button" aria-label={t("stops.day_before")} onClick={() => { apply({ day: plusDays(day, -1) }); }}>
            ‹
          </button>
          <label className="field">
            <span>{t("stops.day")}</span>
            <input type="date" name="day" value={day} max={today} onChange={(event) => { apply({ day: event.target.value }); }} />
          </label>
          <button type="button" className="button" aria-label={t("stops.day_after")} disabled={day >= today} onClick={() => { apply({ day: plusDays(day, 1) }); }}>
            ›
          </button>
        </div>
      </form>
      {machine === undefined ? (
        machines.data === undefined ? <Skeleton width="100%" height="240px" /> : <Empty title={t("stops.no_machine")} />
      ) : (
        <MachineDay key={`${machine}/${day}`} machine={machine} name={all.find((each) => each.machine === machine)?.name ?? machine} day={day} zone={zone} />
      )}
    </div>
  );
}
