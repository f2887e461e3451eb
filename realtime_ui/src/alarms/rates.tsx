import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState, type CSSProperties, type ReactElement } from "react";
import { ExportButton } from "../desk/export.tsx";
import { formatDuration, formatMoment, formatNumber } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Failed, Skeleton } from "../ui/states.tsx";
import { alarmApi, type AlarmRates } from "./api.ts";
import { SiteField } from "./filters.tsx";
import { AlarmRoom } from "./frame.tsx";
import { useAlarms } from "./language.tsx";
import { PRIORITIES } from "./priorities.ts";
import { PERIODS, type RatesSearch } from "./search.ts";
import { causeOf } from "./subject.ts";
import { ALARMS } from "./urgent.ts";

const route = getRouteApi("/shell/alarms/rates");
const DAY_MS = 86_400_000;
const REFRESH_MS = 60_000;

/** In the order in which they are looked at; priorities have a picture of their own. */
const MEASURES = ["per_hour", "flood_percent", "stale", "chattering", "top_ten_percent"] as const;
const PERCENT: ReadonlySet<string> = new Set(["flood_percent", "top_ten_percent"]);

/** `/alarms/rates`: how good the alarms are, by ISA-18.2's measures and targets. */
export function AlarmRatesPage(): ReactElement {
  return (
    <AlarmRoom room="rates">
      <Rates />
    </AlarmRoom>
  );
}

function Rates(): ReactElement {
  const t = useAlarms();
  const search = route.useSearch();
  const days = search.days ?? 7;
  const operators = search.operators ?? 1;
  // A period of whole minutes, this one too: the same question is asked once.
  const [end] = useState(() => Math.ceil(Date.now() / 60_000) * 60_000);
  const [now, before] = [0, 1].map((back) => ({ site: search.site, from: new Date(end - (back + 1) * days * DAY_MS).toISOString(), to: new Date(end - back * days * DAY_MS).toISOString(), operators })) as [Asked, Asked];
  const rates = useQuery({ queryKey: [...ALARMS, "rates", now], queryFn: () => alarmApi.rates(now), staleTime: REFRESH_MS });
  const earlier = useQuery({ queryKey: [...ALARMS, "rates", before], queryFn: () => alarmApi.rates(before), staleTime: REFRESH_MS });
  return (
    <>
      <RateFilters search={search} />
      {rates.data === undefined ? (
        rates.isError ? <Failed what={t("alarms.failed")} error={rates.error} retry={() => void rates.refetch()} /> : <Skeleton width="100%" height="320px" />
      ) : (
        <Shown rates={rates.data} before={earlier.data} />
      )}
    </>
  );
}

interface Asked {
  site: string | undefined;
  from: string;
  to: string;
  operators: number;
}

function RateFilters({ search }: { search: RatesSearch }): ReactElement {
  const t = useAlarms();
  const navigate = useNavigate();
  const apply = (change: Partial<Record<keyof RatesSearch, string | number | undefined>>): void => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value !== "" && value !== undefined));
    void navigate({ to: "/alarms/rates", search: next as RatesSearch, replace: true });
  };
  return (
    <div className="filters alarm-rate-filters">
      <div className="chips" role="group" aria-label={t("alarms.period")}>
        {PERIODS.map((days) => (
          <button key={days} type="button" className="chip" aria-pressed={(search.days ?? 7) === days} onClick={() => { apply({ days: days === 7 ? undefined : days }); }}>
            {t("alarms.days", { n: days })}
          </button>
        ))}
      </div>
      <SiteField value={search.site} apply={(site) => { apply({ site }); }} />
      <label className="field">
        <span>{t("alarms.operators")}</span>
        <input type="number" name="operators" min={1} max={1_000} value={search.operators ?? 1} onChange={(event) => { apply({ operators: Math.max(1, Math.min(1_000, Math.round(event.target.valueAsNumber || 1))) }); }} />
      </label>
    </div>
  );
}

function Shown({ rates, before }: { rates: AlarmRates; before: AlarmRates | undefined }): ReactElement {
  const t = useAlarms();
  return (
    <>
      <p data-testid="rates-count">{t("alarms.annunciations", { n: rates.count, worst: rates.worst_hour })}</p>
      <ul className="rate-cards" data-testid="rate-cards">
        {MEASURES.map((name) => (
          <Measure key={name} name={name} rates={rates} before={before} />
        ))}
      </ul>
      <div className="rate-columns">
        <Frequent rates={rates} />
        <div className="rate-columns">
          <PriorityShares rates={rates} />
          <Lasting rates={rates} />
          <Floods rates={rates} />
        </div>
      </div>
    </>
  );
}

function Measure({ name, rates, before }: { name: (typeof MEASURES)[number]; rates: AlarmRates; before: AlarmRates | undefined }): ReactElement | null {
  const t = useAlarms();
  const measure = rates.measures[name];
  if (measure === undefined) return null;
  const said = (value: number): string => `${formatNumber(value, t.language)}${PERCENT.has(name) ? " %" : ""}`;
  const earlier = before?.measures[name];
  // A scale on which the target lies in the middle, so that "how far off" is seen at once.
  const scale = Math.max(measure.target * 2, measure.value, 1);
  return (
    <li className={measure.met ? "rate-card" : "rate-card rate-card-off"}>
      <h2>{t(`alarm_measure.${name}`)}</h2>
      <p className="rate-value">
        <strong>{said(measure.value)}</strong>
        <span className="rate-met">
          <Glyph name={measure.met ? "completed" : "alarm_high"} />
          {t(measure.met ? "alarms.met" : "alarms.missed")}
        </span>
      </p>
      <div className="rate-bar" aria-hidden="true" style={{ "--value": measure.value / scale, "--target": measure.target / scale } as CSSProperties}>
        <span className="rate-bar-value" />
        <span className="rate-bar-target" />
      </div>
      <p className="faint">
        {t("alarms.target", { value: said(measure.target), how: name === "stale" ? "below" : "most" })}
        {earlier !== undefined && <> · {t("alarms.before", { value: said(earlier.value) })}</>}
      </p>
      <p className="rate-definition">{t(`alarm_definition.${name}`)}</p>
    </li>
  );
}

/** Shares of the priorities beside those that the standard wants. */
function PriorityShares({ rates }: { rates: AlarmRates }): ReactElement {
  const t = useAlarms();
  const rows = [
    { name: "high_percent", priorities: ["critical", "high"] as const },
    { name: "medium_percent", priorities: ["medium"] as const },
    { name: "low_percent", priorities: ["low"] as const },
  ] as const;
  return (
    <section className="rate-part">
      <h2>{t("alarms.shares")}</h2>
      <ul className="rate-shares">
        {rows.map(({ name, priorities }) => {
          const measure = rates.measures[name];
          if (measure === undefined) return null;
          return (
            <li key={name}>
              <span className="rate-share-name">{priorities.map((each) => wordOf(t, "alarm_priority", each)).join(" + ")}</span>
              <span className="rate-bar" aria-hidden="true" style={{ "--value": measure.value / 100, "--target": measure.target / 100 } as CSSProperties}>
                <span className={`rate-bar-value alarm-${priorities[0]}`} />
                <span className="rate-bar-target" />
              </span>
              <span>
                {formatNumber(Math.round(measure.value * 10) / 10, t.language)} % <span className="faint">{t("alarms.target", { value: `${formatNumber(measure.target, t.language)} %`, how: name === "low_percent" ? "least" : "most" })}</span> <Glyph name={measure.met ? "completed" : "alarm_high"} />
                <span className="hidden-words">{t(measure.met ? "alarms.met" : "alarms.missed")}</span>
              </span>
            </li>
          );
        })}
      </ul>
      <p className="faint">{PRIORITIES.map((each) => `${wordOf(t, "alarm_priority", each)} ${formatNumber(rates.priorities[each] ?? 0, t.language)}`).join(" · ")}</p>
      <p className="rate-definition">{t("alarm_definition.shares")}</p>
    </section>
  );
}

function CauseLink({ cause }: { cause: string }): ReactElement {
  const t = useAlarms();
  const { meaning, subject } = causeOf(cause);
  const [kind = meaning] = meaning.split(/[/(]/);
  return (
    <>
      {wordOf(t, "alarm_kind", kind)}{meaning === kind ? "" : ` (${meaning.slice(kind.length).replace(/^[/(]|\)$/g, "")})`}{" "}
      <Link to="/alarms" search={{ state: "all", subject }}>
        {subject}
      </Link>
    </>
  );
}

function Frequent({ rates }: { rates: AlarmRates }): ReactElement {
  const t = useAlarms();
  const most = Math.max(1, ...rates.frequent.map((each) => each.count));
  return (
    <section className="rate-part">
      <div className="list-head">
        <h2>{t("alarms.frequent")}</h2>
        {rates.frequent.length > 0 && <ExportButton name="alarms-frequent" headings={["cause", "rule", "count"].map((each) => wordOf(t, "alarm_column", each))} load={() => Promise.resolve({ items: rates.frequent, total: rates.frequent.length })} cells={(row) => [row.cause, row.rule, row.count]} />}
      </div>
      {rates.frequent.length === 0 ? (
        <p className="faint">{t("alarms.none_in_period")}</p>
      ) : (
        <ol className="rate-bars" data-testid="rates-frequent">
          {rates.frequent.map((each) => (
            <li key={each.cause}>
              <span>
                <CauseLink cause={each.cause} />
              </span>
              <span className="rate-bar" aria-hidden="true" style={{ "--value": each.count / most } as CSSProperties}>
                <span className="rate-bar-value" />
              </span>
              <span className="number">{formatNumber(each.count, t.language)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Lasting({ rates }: { rates: AlarmRates }): ReactElement {
  const t = useAlarms();
  const now = useNow();
  return (
    <section className="rate-part">
      <h2>{t("alarms.stale_title")}</h2>
      {rates.stale.length === 0 ? (
        <p className="faint">{t("alarms.none_stale")}</p>
      ) : (
        <ul className="rate-list">
          {rates.stale.map((each) => (
            <li key={each.cause}>
              <CauseLink cause={each.cause} /> <span className="faint">{formatDuration(t, now - Date.parse(each.since))}</span>
            </li>
          ))}
        </ul>
      )}
      <h2>{t("alarms.chattering_title")}</h2>
      {rates.chattering.length === 0 ? (
        <p className="faint">{t("alarms.none_chattering")}</p>
      ) : (
        <ul className="rate-list">
          {rates.chattering.map((cause) => (
            <li key={cause}>
              <CauseLink cause={cause} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Floods({ rates }: { rates: AlarmRates }): ReactElement {
  const t = useAlarms();
  const now = useNow();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <section className="rate-part">
      <h2>{t("alarms.floods")}</h2>
      {rates.floods.length === 0 ? (
        <p className="faint">{t("alarms.none_floods")}</p>
      ) : (
        <ul className="rate-list">
          {rates.floods.map((each) => (
            <li key={each.start}>{t("alarms.flood", { when: formatMoment(t, Date.parse(each.start), now, zone), time: formatDuration(t, Date.parse(each.end) - Date.parse(each.start)), n: each.count, peak: each.peak })}</li>
          ))}
        </ul>
      )}
      <p className="rate-definition">{t("alarm_definition.flood")}</p>
    </section>
  );
}
