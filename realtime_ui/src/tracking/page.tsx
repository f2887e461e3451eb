import type { ReactElement } from "react";
import type { TrackingView } from "../api/types.ts";
import { formatClock, formatDay, formatDuration, formatMoment, formatNumber, formatUnit, formatZone, timeOf, zoneDiffers, dayIn } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { TellMe } from "./tellme.tsx";
import { useTime, useTracking, type Tracking, type TrackingSource } from "./source.ts";
import { changesOf, deliveredQuantity, deliveryAt, sentence, stagesOf, type TrackingTranslator } from "./words.ts";

/** Stages in which a date can still move. */
const MOVES: readonly string[] = ["received", "confirmed", "scheduled", "in_production"];

interface PageProps {
  token: string;
  t: TrackingTranslator;
  source: TrackingSource;
  switchLanguage: () => void;
}

export function TrackingPage({ t, token, source, switchLanguage }: PageProps): ReactElement {
  const tracking = useTracking(source);
  return (
    <div className="customer">
      <header className="customer-head">
        <Freshness t={t} tracking={tracking} />
        <button type="button" className="language" lang={t.language === "en" ? "zh-CN" : "en"} aria-label={t("language.switch_label")} onClick={switchLanguage}>
          {t("language.switch")}
        </button>
      </header>
      <main>
        {tracking.view !== null ? (
          <Order t={t} token={token} view={tracking.view} stale={!tracking.live && tracking.problem === "unreachable"} />
        ) : tracking.problem === "invalid" ? (
          <Notice title={t("link.invalid.title")} text={t("link.invalid.text")} />
        ) : tracking.problem === "unreachable" ? (
          <Notice title={t("load.error.title")} text={t("load.error.text")} action={t("action.retry")} act={source.retry} />
        ) : (
          <Loading t={t} />
        )}
      </main>
    </div>
  );
}

function Freshness({ t, tracking }: { t: TrackingTranslator; tracking: Tracking }): ReactElement {
  const now = useTime(1_000);
  if (tracking.view === null || tracking.confirmedAt === null) return <p className="freshness"> </p>;
  if (tracking.live) {
    return (
      <p className="freshness" role="status" data-testid="tracking-live">
        <span className="live-dot" />
        {t("live.on")}
      </p>
    );
  }
  const age = formatDuration(t, Math.max(0, now - tracking.confirmedAt));
  return tracking.problem === "unreachable" ? (
    <p className="freshness freshness-lost" role="alert">
      {t("live.offline", { age })}
    </p>
  ) : (
    <p className="freshness">{t("live.polling", { age })}</p>
  );
}

function Order({ t, token, view, stale }: { t: TrackingTranslator; token: string; view: TrackingView; stale: boolean }): ReactElement {
  const now = useTime(15_000);
  return (
    <article className={stale ? "is-stale" : undefined}>
      <p className="number">
        {t("tracking.title", { number: view.number })}
        {view.reference != null && view.reference !== "" && <> · {t("tracking.reference", { reference: view.reference })}</>}
      </p>
      <h1 data-testid="tracking-sentence">{sentence(t, view)}</h1>
      <p className="what">
        {view.item} · {formatNumber(view.quantity_ordered, t.language)} {formatUnit(t, view.unit, view.quantity_ordered)} · {view.customer}
      </p>
      <Expected t={t} view={view} now={now} />
      {MOVES.includes(view.stage) && <TellMe language={t.language} token={token} />}
      {view.stage !== "cancelled" && <Progress t={t} view={view} />}
      <Deliveries t={t} view={view} now={now} />
      <Stages t={t} view={view} now={now} />
      <Changes t={t} view={view} now={now} />
      {zoneDiffers(view.time_zone, now) && <p className="zone">{t("expected.zone", { zone: formatZone(view.time_zone, now, t.language) })}</p>}
    </article>
  );
}

function Expected({ t, view, now }: { t: TrackingTranslator; view: TrackingView; now: number }): ReactElement | null {
  if (view.stage === "cancelled") return null;
  const zone = view.time_zone;
  const expected = timeOf(view.expected);
  const latest = timeOf(view.expected_latest);
  const due = timeOf(view.due);
  const done = view.stage === "produced" || view.stage === "shipped" || view.stage === "delivered";
  const late = expected !== null && due !== null ? expected - due : null;
  return (
    <section className="card" aria-labelledby="expected">
      <h2 id="expected">{t(done ? "expected.done" : "expected.title")}</h2>
      {expected === null ? (
        <p>{t("expected.none")}</p>
      ) : (
        <>
          <p className="date" data-testid="tracking-expected" data-expected={view.expected}>
            {formatDay(expected, zone, t.language)}
          </p>
          <p className="range">
            {latest === null || latest <= expected
              ? formatClock(expected, zone, t.language)
              : t("expected.range", {
                  from: formatClock(expected, zone, t.language),
                  to: dayIn(latest, zone) === dayIn(expected, zone) ? formatClock(latest, zone, t.language) : formatMoment(t, latest, now, zone),
                })}
          </p>
        </>
      )}
      {due !== null && (
        <p className="asked">
          {t("expected.asked", { date: formatMoment(t, due, now, zone) })}
          {late !== null && <strong> – {late > 60_000 ? t("expected.late", { duration: formatDuration(t, late) }) : t("expected.early")}</strong>}
        </p>
      )}
    </section>
  );
}

function Progress({ t, view }: { t: TrackingTranslator; view: TrackingView }): ReactElement {
  return (
    <section className="card" aria-labelledby="progress">
      <h2 id="progress">{t("progress.title")}</h2>
      <p className="percent">
        <span data-testid="tracking-percent">{view.percent}</span> %
      </p>
      <div className="track" role="progressbar" aria-labelledby="progress" aria-valuemin={0} aria-valuemax={100} aria-valuenow={view.percent}>
        <span style={{ transform: `scaleX(${view.percent / 100})` }} />
      </div>
      <p className="pieces" data-testid="tracking-good" data-good={view.good_pieces}>
        {t("progress.pieces", {
          good: formatNumber(view.good_pieces, t.language),
          total: formatNumber(view.quantity_ordered, t.language),
          unit: formatUnit(t, view.unit, view.quantity_ordered),
        })}
      </p>
    </section>
  );
}

function Stages({ t, view, now }: { t: TrackingTranslator; view: TrackingView; now: number }): ReactElement {
  return (
    <section className="card" aria-labelledby="stages">
      <h2 id="stages">{t("stages.title")}</h2>
      <ol className="stages">
        {stagesOf(view).map(({ stage, state, at }) => (
          <li key={stage} className={`stage stage-${state}`} aria-current={state === "current" ? "step" : undefined}>
            <span className="stage-mark" aria-hidden="true">
              {state === "done" && (
                <svg viewBox="0 0 16 16" width="12" height="12">
                  <path d="M6.2 13 1.5 8.3l1.6-1.6 3.1 3.1 6.7-6.7 1.6 1.6z" fill="currentColor" />
                </svg>
              )}
            </span>
            <span className="stage-word">
              {wordOf(t, "stage", stage)}
              <span className="hidden-words"> {t(`stages.${state}`)}</span>
            </span>
            <span className="stage-at">{at !== null ? formatMoment(t, at, now, view.time_zone) : state === "current" ? t("stages.current") : ""}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Deliveries({ t, view, now }: { t: TrackingTranslator; view: TrackingView; now: number }): ReactElement | null {
  const deliveries = view.deliveries ?? [];
  if (deliveries.length === 0) return null;
  return (
    <section className="card" aria-labelledby="deliveries">
      <h2 id="deliveries">{t("deliveries.title")}</h2>
      <ol className="changes" data-testid="tracking-deliveries">
        {deliveries.map((delivery) => {
          const at = deliveryAt(delivery);
          const quantity = deliveredQuantity(delivery);
          return (
            <li key={delivery.number}>
              {at === null ? <span /> : <time dateTime={new Date(at).toISOString()}>{formatMoment(t, at, now, view.time_zone)}</time>}
              <div>
                <p>
                  {wordOf(t, "delivery", delivery.state)} · {t("deliveries.quantity", { quantity: formatNumber(quantity, t.language), unit: formatUnit(t, delivery.unit, quantity) })}
                </p>
                <p className="quiet">{t("deliveries.number", { number: delivery.number })}</p>
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Changes({ t, view, now }: { t: TrackingTranslator; view: TrackingView; now: number }): ReactElement {
  const changes = changesOf(t, view, now);
  return (
    <section className="card" aria-labelledby="changes">
      <h2 id="changes">{t("changes.title")}</h2>
      {changes.length === 0 ? (
        <p>{t("changes.none")}</p>
      ) : (
        <ol className="changes">
          {changes.map((change) => (
            <li key={`${change.at}${change.text}${change.details.join()}`}>
              <time dateTime={new Date(change.at).toISOString()}>{formatMoment(t, change.at, now, view.time_zone)}</time>
              <div>
                <p>{change.text}</p>
                {change.details.map((detail) => (
                  <p key={detail} className="quiet">
                    {detail}
                  </p>
                ))}
              </div>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Notice({ title, text, action, act }: { title: string; text: string; action?: string; act?: () => void }): ReactElement {
  return (
    <div className="card notice" role="alert">
      <h1>{title}</h1>
      <p>{text}</p>
      {action !== undefined && (
        <button type="button" className="act" onClick={act}>
          {action}
        </button>
      )}
    </div>
  );
}

function Loading({ t }: { t: TrackingTranslator }): ReactElement {
  const block = (width: string, height: string): ReactElement => <span className="skeleton" style={{ width, height }} />;
  return (
    <div aria-busy="true">
      <p className="hidden-words">{t("loading")}</p>
      <div className="loading">
        {block("40%", "20px")}
        {block("90%", "64px")}
        {block("60%", "20px")}
      </div>
      {["140px", "152px", "280px"].map((height) => (
        <div key={height} className="card" style={{ height }}>
          {block("30%", "16px")}
          {block("70%", "32px")}
        </div>
      ))}
    </div>
  );
}
