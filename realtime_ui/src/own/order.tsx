import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Fragment, useEffect, useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { OwnOrder, TrackingView } from "../api/types.ts";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { Table } from "../desk/table.tsx";
import { formatDuration, formatMoment, formatNumber, formatUnit, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useChannel, useEntry, useStaleness } from "../live/react.tsx";
import { changesOf, deliveredQuantity, deliveryAt, loadTrackingWords, sentence, stagesOf, type TrackingTranslator } from "../tracking/words.ts";
import { useNow, useSeconds } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Failed, Skeleton } from "../ui/states.tsx";
import { Meter, ZONE } from "./page.tsx";
import "../orders/orders.css";
import "../desk/desk.css";

const route = getRouteApi("/shell/own/$number");

/** `/own/<number>`: one of a customer's own orders. */
export function OwnOrderPage(): ReactElement {
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="320px" />}>
      <OneOrder />
    </DeskWords>
  );
}

/** The words of the customer's page: the same order is told in the same words. */
function useTrackingWords(): TrackingTranslator | null {
  const { language } = useDesk();
  const [words, setWords] = useState<TrackingTranslator | null>(null);
  useEffect(() => {
    let wanted = true;
    void loadTrackingWords(language).then((loaded) => {
      if (wanted) setWords(() => loaded);
    });
    return () => { wanted = false; };
  }, [language]);
  return words;
}

function OneOrder(): ReactElement {
  const t = useDesk();
  const words = useTrackingWords();
  const queries = useQueryClient();
  const { number } = route.useParams();
  const order = useQuery({ queryKey: ["own-order", number], queryFn: () => api.ownOrder(number) });
  const live = useEntry<TrackingView>(useChannel(`own:${number}`), "order");
  const told = live === undefined ? "" : JSON.stringify([live.changed, live.stage, live.good_pieces, live.deliveries]);
  useEffect(() => {
    // The lines are told by REST only: they are read again when the order has moved.
    if (told !== "") void queries.invalidateQueries({ queryKey: ["own-order", number] });
  }, [told, queries, number]);
  if (order.isError && order.data === undefined) return <Failed what={t("order.failed", { number })} error={order.error} retry={() => void order.refetch()} />;
  if (order.data === undefined || words === null) return <Skeleton width="100%" height="240px" />;
  const view: TrackingView = live ?? order.data;
  return (
    <article className="order" data-testid="own-order">
      <header>
        <p className="crumbs">
          <Link to="/own">{t("own.title")}</Link>
        </p>
        <h1>{view.number}</h1>
        <p className="faint">
          {view.reference != null && view.reference !== "" && <>{t("order.reference", { reference: view.reference })} · </>}
          {view.item}
        </p>
      </header>
      <Standing view={view} words={words} />
      <Stages view={view} />
      <Lines order={order.data} />
      <Deliveries view={view} words={words} />
      <Changes view={view} words={words} />
    </article>
  );
}

interface Told {
  view: TrackingView;
  words: TrackingTranslator;
}

function Standing({ view, words }: Told): ReactElement {
  const t = useDesk();
  const now = useNow();
  const age = useStaleness(useSeconds());
  const expected = timeOf(view.expected);
  const latest = timeOf(view.expected_latest);
  const due = timeOf(view.due);
  const cancelled = view.stage === "cancelled";
  return (
    <section className={`answers${age === null ? "" : " is-stale"}`} aria-label={t("order.summary")}>
      {age !== null && (
        <p className="answers-stale" role="alert">
          {t("stale.band", { age: formatDuration(t, age) })}
        </p>
      )}
      <div className="answer">
        <h2>{t("order.where")}</h2>
        <p className="answer-main" data-testid="own-stage">{sentence(words, view)}</p>
        <p>
          <span data-testid="own-good">{formatNumber(view.good_pieces, t.language)}</span> / {formatNumber(view.quantity_ordered, t.language)} {formatUnit(t, view.unit, view.quantity_ordered)} · {t("tile.percent", { percent: view.percent })}
        </p>
        {!cancelled && <Meter percent={view.percent} label={view.number} />}
      </div>
      <div className="answer">
        <h2>{t("order.when")}</h2>
        <p className="answer-main">{cancelled ? t("order.never") : expected === null ? t("order.no_projection") : formatMoment(t, expected, now, ZONE)}</p>
        {!cancelled && expected !== null && latest !== null && latest > expected && <p>{t("own.latest", { date: formatMoment(t, latest, now, ZONE) })}</p>}
        <p>{due === null ? t("order.no_due") : t("order.due", { date: formatMoment(t, due, now, ZONE) })}</p>
      </div>
    </section>
  );
}

function Stages({ view }: { view: TrackingView }): ReactElement {
  const t = useDesk();
  const now = useNow();
  return (
    <section aria-labelledby="own-stages">
      <h2 id="own-stages" className="section">
        {t("order.timeline")}
      </h2>
      <ol className="timeline">
        {stagesOf(view).map(({ stage, state, at }) => (
          <li key={stage} className={`step step-${state}`} aria-current={state === "current" ? "step" : undefined}>
            <span className="step-mark">{state === "done" && <Glyph name="completed" />}</span>
            <span className="step-word">{wordOf(t, "stage", stage)}</span>
            <span className="step-time">{at === null ? " " : formatMoment(t, at, now, ZONE)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Lines({ order }: { order: OwnOrder }): ReactElement {
  const t = useDesk();
  const now = useNow();
  return (
    <section aria-labelledby="own-lines">
      <h2 id="own-lines" className="section">
        {t("order.lines")}
      </h2>
      <Table
        label={t("order.lines")}
        columns={[
          { key: "number", label: t("order.line") },
          { key: "item", label: t("orders.item"), title: true },
          { key: "state", label: t("orders.state") },
          { key: "good", label: t("order.good"), number: true },
          { key: "shipped", label: t("own.shipped"), number: true },
          { key: "due", label: t("orders.due") },
        ]}
        rows={order.lines.map((line) => {
          const wanted = timeOf(line.due);
          const promised = timeOf(line.promised);
          return {
            key: String(line.number),
            cells: [
              line.number,
              line.item_name,
              wordOf(t, "stage", line.stage),
              `${formatNumber(line.good_pieces, t.language)} / ${formatNumber(line.quantity, t.language)} ${formatUnit(t, line.unit, line.quantity)}`,
              formatNumber(line.shipped, t.language),
              <Fragment key="due">
                {wanted === null ? "–" : formatMoment(t, wanted, now, ZONE)}
                {promised !== null && promised !== wanted && <p className="faint">{t("own.promised", { date: formatMoment(t, promised, now, ZONE) })}</p>}
              </Fragment>,
            ],
          };
        })}
      />
    </section>
  );
}

function Deliveries({ view, words }: Told): ReactElement | null {
  const t = useDesk();
  const now = useNow();
  const deliveries = view.deliveries ?? [];
  if (deliveries.length === 0) return null;
  return (
    <section aria-labelledby="own-deliveries">
      <h2 id="own-deliveries" className="section">
        {t("order.deliveries")}
      </h2>
      <ol className="history">
        {deliveries.map((delivery) => {
          const at = deliveryAt(delivery);
          const quantity = deliveredQuantity(delivery);
          return (
            <li key={delivery.number}>
              <span className="faint">{at === null ? "–" : formatMoment(t, at, now, ZONE)}</span>
              <p>
                <strong>{wordOf(words, "delivery", delivery.state)}</strong> · {formatNumber(quantity, t.language)} {formatUnit(t, delivery.unit, quantity)}
                {delivery.carrier != null && <> · {delivery.carrier}</>}
                {delivery.tracking_number != null && <> {delivery.tracking_number}</>}
              </p>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Changes({ view, words }: Told): ReactElement | null {
  const t = useDesk();
  const now = useNow();
  const changes = changesOf(words, view, now);
  if (changes.length === 0) return null;
  return (
    <section aria-labelledby="own-changes">
      <h2 id="own-changes" className="section">
        {words("changes.title")}
      </h2>
      <ol className="history">
        {changes.map((change) => (
          <li key={`${change.at}${change.text}${change.details.join()}`}>
            <time dateTime={new Date(change.at).toISOString()}>{formatMoment(t, change.at, now, ZONE)}</time>
            <div>
              <p>{change.text}</p>
              {change.details.map((detail) => (
                <p key={detail} className="faint">
                  {detail}
                </p>
              ))}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
