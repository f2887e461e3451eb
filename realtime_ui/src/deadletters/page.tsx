import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { DeadLetter } from "../api/types.ts";
import { useSites, useZone } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { formatMoment, formatNumber, timeOf } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, Forbidden, reasonOf, Skeleton } from "../ui/states.tsx";
import { payloadText } from "./payload.ts";
import "./deadletters.css";

const route = getRouteApi("/shell/dead-letters");
const PAGE_ROWS = 50;
const REFRESH_MS = 10_000;

export function DeadLettersPage(): ReactElement {
  const t = useT();
  const { site } = route.useSearch();
  const navigate = useNavigate();
  const sites = useSites();
  const allowed = usePermission("dead_letters");
  const [page, setPage] = useState(0);
  const letters = useQuery({
    queryKey: ["dead-letters", site, page],
    queryFn: () => api.deadLetters({ site, limit: PAGE_ROWS, offset: page * PAGE_ROWS }),
    refetchInterval: REFRESH_MS,
    placeholderData: (before) => before,
    enabled: allowed,
  });
  if (!allowed) return <Forbidden />;
  const total = letters.data?.total ?? 0;
  const pages = Math.max(1, Math.ceil(total / PAGE_ROWS));
  return (
    <div className="letters">
      <header>
        <h1>{t("letters.title")}</h1>
        <p className="faint">{t("letters.text")}</p>
      </header>
      {(sites.data?.items.length ?? 0) > 1 && (
        <div className="filters">
          <label>
            <span className="hidden-words">{t("orders.site")}</span>
            <select
              value={site ?? ""}
              onChange={(event) => {
                setPage(0);
                void navigate({ to: "/dead-letters", search: event.target.value === "" ? {} : { site: event.target.value }, replace: true });
              }}
            >
              <option value="">{t("orders.all_sites")}</option>
              {sites.data?.items.map((each) => (
                <option key={each.code} value={each.code}>
                  {each.name}
                </option>
              ))}
            </select>
          </label>
        </div>
      )}
      {letters.isError && letters.data === undefined ? (
        <Failed what={t("letters.failed")} error={letters.error} retry={() => void letters.refetch()} />
      ) : letters.data === undefined ? (
        <div className="letter-list" aria-busy="true">
          {[0, 1, 2, 3].map((place) => (
            <div key={place} className="letter">
              <Skeleton width="60%" height="20px" />
              <Skeleton width="40%" height="16px" />
            </div>
          ))}
        </div>
      ) : total === 0 ? (
        <Empty title={t("letters.empty.title")}>
          <p>{t("letters.empty.text")}</p>
        </Empty>
      ) : (
        <>
          <ol className="letter-list">
            {letters.data.items.map((letter) => (
              <Letter key={letter.id} letter={letter} />
            ))}
          </ol>
          {pages > 1 && (
            <nav className="pager" aria-label={t("letters.pages")}>
              <button type="button" className="button" disabled={page === 0} onClick={() => { setPage(page - 1); }}>
                {t("letters.newer")}
              </button>
              <span>{t("floor.page", { page: page + 1, pages })}</span>
              <button type="button" className="button" disabled={page + 1 >= pages} onClick={() => { setPage(page + 1); }}>
                {t("letters.older")}
              </button>
            </nav>
          )}
        </>
      )}
    </div>
  );
}

function Letter({ letter }: { letter: DeadLetter }): ReactElement {
  const t = useT();
  const now = useNow();
  const zone = useZone(letter.site);
  const queries = useQueryClient();
  const replay = useMutation({
    mutationFn: () => api.replayDeadLetter(letter.id),
    onSuccess: () => { tell(t("letters.replayed_done")); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: ["dead-letters"] }),
  });
  const at = timeOf(letter.received_at);
  const replayed = timeOf(letter.replayed_at);
  return (
    <li className="letter" data-testid={`letter-${letter.id}`}>
      <div className="letter-head">
        <div>
          <p>
            <strong>{wordOf(t, "letter", letter.code)}</strong>
          </p>
          <p>{letter.reason}</p>
          <p className="faint letter-origin">
            {letter.topic ?? t("letters.no_topic")} · {at === null ? letter.received_at : formatMoment(t, at, now, zone)} · {t("letters.size", { size: formatNumber(letter.size, t.language) })}
          </p>
          {replayed !== null && <p className="faint">{t("letters.replayed", { time: formatMoment(t, replayed, now, zone) })}</p>}
        </div>
        <button type="button" className="button" disabled={replay.isPending} onClick={() => { replay.mutate(); }}>
          {replayed === null ? t("letters.replay") : t("letters.replay_again")}
        </button>
      </div>
      <details>
        <summary>{t("letters.payload")}</summary>
        <pre>{payloadText(letter)}</pre>
        {letter.encoding === "base64" && <p className="faint">{t("letters.base64")}</p>}
      </details>
    </li>
  );
}
