import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, useSyncExternalStore, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { DisruptionView } from "../api/types.ts";
import { formatShortMoment, timeOf } from "../i18n/format.ts";
import { Glyph } from "../ui/glyph.tsx";
import { reasonOf } from "../ui/states.tsx";
import type { PlanStore } from "./store.ts";
import { disruptionWords, shortName, stateOf, type DisruptionState, type Telling } from "./words.ts";

const PAGE_ROWS = 50;
const MARKS: Readonly<Record<DisruptionState, string>> = { open: "waiting", planned: "completed", no_change: "idle", failed: "aborted" };

/** What disturbed the plan, live: when, what, whose, and what came of it. */
export function Feed({ store, scope, telling }: { store: PlanStore; scope: string; telling: Telling }): ReactElement {
  const { t } = telling;
  const live = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => store.disruptions,
  );
  const [open, setOpen] = useState(false);
  const waiting = live.filter((each) => each.handled === null).length;
  const older = useInfiniteQuery({
    queryKey: ["disruptions", scope],
    queryFn: ({ pageParam }) => api.disruptions({ scope, limit: PAGE_ROWS, offset: pageParam }),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => (pages.length * PAGE_ROWS < last.total ? pages.length * PAGE_ROWS : undefined),
    enabled: false,
  });
  const known = new Map<number, DisruptionView>();
  for (const each of [...(older.data?.pages.flatMap((page) => page.items) ?? []), ...live]) known.set(each.id, each);
  const list = [...known.values()].sort((a, b) => b.id - a.id);
  const more = older.data === undefined ? live.length >= PAGE_ROWS / 2 : older.hasNextPage;
  return (
    <aside className={open ? "feed is-open" : "feed"} aria-labelledby="feed-title" data-testid="feed">
      <header>
        <h2 id="feed-title">{t("feed.title")}</h2>
        <span className={waiting > 0 ? "feed-count feed-count-open" : "feed-count"} role="status">
          {t("feed.open_count", { n: waiting })}
        </span>
        <button type="button" className="button button-quiet feed-toggle" aria-expanded={open} onClick={() => { setOpen(!open); }}>
          {open ? t("feed.hide") : t("feed.show")}
        </button>
      </header>
      {list.length === 0 ? (
        <p className="faint">{t("feed.empty")}</p>
      ) : (
        <div className="feed-list" tabIndex={0} role="region" aria-label={t("feed.text")}>
          <ol>
            {list.map((each) => (
              <Entry key={each.id} disruption={each} telling={telling} />
            ))}
            {more && (
              <li>
                <button type="button" className="button button-quiet" disabled={older.isFetching} onClick={() => void (older.data === undefined ? older.refetch() : older.fetchNextPage())}>
                  {t("feed.older")}
                </button>
              </li>
            )}
            {older.isError && (
              <li role="alert">
                {t("feed.older_failed")}: {reasonOf(t, older.error)}
              </li>
            )}
          </ol>
        </div>
      )}
    </aside>
  );
}

function Entry({ disruption, telling }: { disruption: DisruptionView; telling: Telling }): ReactElement {
  const { t, now, zone, machine } = telling;
  const at = timeOf(disruption.occurred);
  const state = stateOf(disruption);
  const word = state === "open" ? t("feed.open") : state === "planned" ? (disruption.plan_number === null ? t("feed.no_change") : t("feed.planned", { number: disruption.plan_number })) : state === "no_change" ? t("feed.no_change") : t("feed.failed");
  const about = disruption.machine;
  return (
    <li className={`feed-entry feed-${state}`} data-testid={`disruption-${disruption.id}`} data-state={state}>
      <p className="feed-line">
        <time dateTime={disruption.occurred}>{at === null ? "–" : formatShortMoment(t, at, now, zone)}</time>
        <span className="feed-state">
          <Glyph name={MARKS[state]} />
          {word}
        </span>
      </p>
      <p className="feed-what">{disruptionWords(telling, disruption)}</p>
      {(about !== null || disruption.order_number !== null) && (
        <p className="feed-links">
          {about !== null && (
            <Link to="/terminal/$" params={{ _splat: about }} title={shortName(about)}>
              {machine(about)}
            </Link>
          )}
          {disruption.order_number !== null && (
            <Link to="/orders/$number" params={{ number: disruption.order_number }}>
              {disruption.order_number}
            </Link>
          )}
        </p>
      )}
    </li>
  );
}
