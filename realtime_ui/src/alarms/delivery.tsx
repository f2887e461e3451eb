import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Fragment, useState, type ReactElement } from "react";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { Decision } from "../desk/decide.tsx";
import { ExportButton } from "../desk/export.tsx";
import { Pager } from "../desk/pager.tsx";
import { Table } from "../desk/table.tsx";
import { formatMoment, timeOf } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Empty, Failed, reasonOf, Skeleton } from "../ui/states.tsx";
import { delivery, type BadAddress, type Letter, type NotificationWay, type Tested } from "./deliveryapi.ts";
import { AlarmRoom } from "./frame.tsx";
import { useAlarms, type AlarmTranslator } from "./language.tsx";
import { WAYS_READ } from "./queries.ts";
import { TemplateList } from "./templates.tsx";
import { WayEditor } from "./wayeditor.tsx";

const route = getRouteApi("/shell/alarms/ways");
const REFRESH_MS = 10_000;
const PAGE_ROWS = 50;
const TABS = ["ways", "templates", "messages"] as const;
export const NEW_WAY = "+";

/** `/alarms/ways`: by what people are reached, in which words, and what became of each message. */
export function AlarmWaysPage(): ReactElement {
  return (
    <AlarmRoom room="ways">
      <Delivery />
    </AlarmRoom>
  );
}

function Delivery(): ReactElement {
  const t = useAlarms();
  const search = route.useSearch();
  const tab = search.tab ?? "ways";
  return (
    <>
      <nav className="tabs" aria-label={t("alarm_room.ways")}>
        {TABS.map((each) => (
          <Link key={each} to="/alarms/ways" search={each === "ways" ? {} : { tab: each }} className="chip" data-status={each === tab ? "active" : undefined} activeOptions={{ exact: true, includeSearch: true }} data-testid={`delivery-${each}`}>
            {t(`alarm_delivery.${each}`)}
          </Link>
        ))}
      </nav>
      {tab === "ways" && <Ways code={search.code} />}
      {tab === "templates" && <TemplateList code={search.code} />}
      {tab === "messages" && <Letters state={search.state} page={search.page ?? 0} />}
    </>
  );
}

function useMoment(): (text: string | null) => string {
  const t = useAlarms();
  const now = useNow();
  const zone = useSites().data?.items[0]?.time_zone ?? "UTC";
  return (text) => {
    const at = timeOf(text);
    return at === null ? "–" : formatMoment(t, at, now, zone);
  };
}

function Ways({ code }: { code: string | undefined }): ReactElement {
  const t = useAlarms();
  const navigate = useNavigate();
  const ways = useQuery({ queryKey: [...WAYS_READ, "ways"], queryFn: delivery.ways, refetchInterval: REFRESH_MS });
  const kinds = useQuery({ queryKey: [...WAYS_READ, "kinds"], queryFn: delivery.kinds, staleTime: Infinity });
  if (ways.isError && ways.data === undefined) return <Failed what={t("alarms.no_ways")} error={ways.error} retry={() => void ways.refetch()} />;
  if (ways.data === undefined || kinds.data === undefined) return kinds.isError ? <Failed what={t("alarms.no_ways")} error={kinds.error} retry={() => void kinds.refetch()} /> : <Skeleton width="100%" height="240px" />;
  const open = (next: string | undefined): void => { void navigate({ to: "/alarms/ways", search: next === undefined ? {} : { code: next } }); };
  const way = ways.data.items.find((each) => each.code === code);
  if (code !== undefined && (code === NEW_WAY || way !== undefined)) return <WayEditor key={`${code} ${way?.version ?? 0}`} kinds={kinds.data.items} way={way ?? null} close={() => { open(undefined); }} />;
  return (
    <>
      <div className="list-head">
        <p className="faint">{t("alarms.ways_text")}</p>
        <button type="button" className="button button-primary" onClick={() => { open(NEW_WAY); }} data-testid="new-way">
          <Glyph name="plus" />
          {t("alarms.new_way")}
        </button>
      </div>
      {ways.data.items.length === 0 ? (
        <Empty title={t("alarms.no_way")}>
          <p>{t("alarms.no_way_text")}</p>
        </Empty>
      ) : (
        <ul className="cards" data-testid="ways">
          {ways.data.items.map((each) => (
            <WayCard key={each.code} way={each} named={kinds.data.items.find((kind) => kind.kind === each.kind)?.named === true} edit={() => { open(each.code); }} />
          ))}
        </ul>
      )}
      <BadAddresses />
    </>
  );
}

function healthOf(way: NotificationWay): "off" | "broken" | "failing" | "fine" | "unused" {
  if (!way.enabled) return "off";
  if (way.broken_until !== null) return "broken";
  if (way.failures > 0) return "failing";
  return way.last_sent_at === null ? "unused" : "fine";
}

function healthWords(t: AlarmTranslator, way: NotificationWay, moment: (text: string | null) => string): string {
  const health = healthOf(way);
  switch (health) {
    case "broken":
      return t("alarm_health.broken", { n: way.failures, when: moment(way.broken_until) });
    case "failing":
      return t("alarm_health.failing", { n: way.failures, when: moment(way.last_sent_at) });
    case "fine":
      return t("alarm_health.fine", { when: moment(way.last_sent_at) });
    case "off":
    case "unused":
      return t(`alarm_health.${health}`);
  }
}

function WayCard({ way, named, edit }: { way: NotificationWay; named: boolean; edit: () => void }): ReactElement {
  const t = useAlarms();
  const moment = useMoment();
  const queries = useQueryClient();
  const [removing, setRemoving] = useState(false);
  const health = healthOf(way);
  const after = (): Promise<unknown> => queries.invalidateQueries({ queryKey: WAYS_READ });
  return (
    <li className="card" data-testid={`way-${way.code}`}>
      <div className="card-head">
        <div>
          <h2>
            {way.name} <span className="faint">{way.code}</span>
          </h2>
          <p className="faint">
            {wordOf(t, "alarm_channel", way.channel)} · {wordOf(t, "alarm_way_kind", way.kind)} · {t("alarms.rank", { n: way.rank })}
            {way.prefixes.length > 0 && ` · ${way.prefixes.join(", ")}`}
          </p>
        </div>
        {way.origin === "people" ? (
          <div className="actions">
            <button type="button" className="button" onClick={edit}>
              {t("alarms.edit")}
            </button>
            <button type="button" className="button button-quiet" onClick={() => { setRemoving(true); }}>
              {t("alarms.remove_way")}
            </button>
          </div>
        ) : (
          <p className="faint">{t(`alarm_origin.${way.origin}`)}</p>
        )}
      </div>
      <p data-testid="way-health" data-health={health}>
        <Glyph name={health === "fine" ? "completed" : health === "broken" || health === "failing" ? "alarm_high" : "waiting"} /> {healthWords(t, way, moment)}
      </p>
      {way.last_error !== null && health !== "fine" && <p className="faint">{way.last_error}</p>}
      {way.enabled && <TestWay way={way} named={named} after={after} />}
      {removing && <Decision title={t("alarms.remove_way_title", { name: way.name })} text={t("alarms.remove_way_text")} reason="none" danger action={t("alarms.remove_way")} done={t("alarms.way_removed", { name: way.name })} run={() => delivery.deleteWay(way.code)} after={after} close={() => { setRemoving(false); }} />}
    </li>
  );
}

/** Send a test message, and tell what the provider said. */
function TestWay({ way, named, after }: { way: NotificationWay; named: boolean; after: () => Promise<unknown> }): ReactElement {
  const t = useAlarms();
  const [address, setAddress] = useState(named ? way.code : "");
  const test = useMutation({ mutationFn: () => delivery.test(way.code, address.trim(), t.language), onSettled: after });
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        test.mutate();
      }}
    >
      {!named && (
        <label className="field">
          <span>{t("alarms.test_to")}</span>
          <input name="address" required maxLength={500} value={address} onChange={(event) => { setAddress(event.target.value); }} />
        </label>
      )}
      <button type="submit" className="button" disabled={test.isPending || address.trim() === ""} data-testid={`test-${way.code}`}>
        {t(test.isPending ? "alarms.testing" : "alarms.test")}
      </button>
      <p role="status" className="alarm-tested" data-testid={`tested-${way.code}`}>
        {test.error !== null ? reasonOf(t, test.error) : test.data === undefined ? "" : <Result tested={test.data} />}
      </p>
    </form>
  );
}

function Result({ tested }: { tested: Tested }): ReactElement {
  const t = useAlarms();
  const said = tested.answer ?? tested.error;
  return (
    <>
      <Glyph name={tested.state === "sent" ? "completed" : tested.state === "waiting" ? "waiting" : "alarm_high"} /> {tested.state === "sent" ? t("alarms.test_sent") : tested.state === "waiting" ? t("alarms.test_waits") : t("alarms.test_failed")}
      {said !== null && <span className="faint"> {said}</span>}
    </>
  );
}

/** Addresses that refused messages for good: left alone until somebody says otherwise. */
function BadAddresses(): ReactElement | null {
  const t = useAlarms();
  const moment = useMoment();
  const queries = useQueryClient();
  const bad = useQuery({ queryKey: [...WAYS_READ, "bad"], queryFn: delivery.badAddresses, refetchInterval: REFRESH_MS });
  const release = useMutation({
    mutationFn: ({ channel, address }: Pick<BadAddress, "channel" | "address">) => delivery.release(channel, address),
    onSuccess: () => { tell(t("alarms.released")); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: WAYS_READ }),
  });
  if (bad.data === undefined || bad.data.items.length === 0) return null;
  return (
    <section>
      <h2>{t("alarms.bad_addresses")}</h2>
      <p className="faint">{t("alarms.bad_addresses_text")}</p>
      <Table
        label={t("alarms.bad_addresses")}
        testid="bad-addresses"
        columns={[{ key: "address", label: t("alarm_field.to"), title: true }, { key: "why", label: t("alarm_column.why") }, { key: "since", label: t("alarms.left_alone") }, { key: "do", label: "" }]}
        rows={bad.data.items.map((each) => ({
          key: `${each.channel} ${each.address}`,
          cells: [
            <Fragment key="address">
              {each.address} <span className="faint">{wordOf(t, "alarm_channel", each.channel)}</span>
            </Fragment>,
            `${t("alarms.bounces", { n: each.bounces })}: ${each.last_error}`,
            each.suppressed_at === null ? t("alarms.not_yet") : moment(each.suppressed_at),
            each.suppressed_at !== null && (
              <button key="do" type="button" className="button button-small" disabled={release.isPending} onClick={() => { release.mutate({ channel: each.channel, address: each.address }); }}>
                {t("alarms.release")}
              </button>
            ),
          ],
        }))}
      />
    </section>
  );
}

const LETTER_STATES = ["given_up", "waiting", "held", "gathered", "told", "sent", "withdrawn"] as const;

/** Every message: what caused it, by which way it went, what became of it; given up: once more. */
function Letters({ state, page }: { state: string | undefined; page: number }): ReactElement {
  const t = useAlarms();
  const moment = useMoment();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const wanted = LETTER_STATES.find((each) => each === state);
  const letters = useQuery({ queryKey: [...WAYS_READ, "letters", wanted, page], queryFn: () => delivery.letters({ state: wanted, limit: PAGE_ROWS, offset: page * PAGE_ROWS }), refetchInterval: REFRESH_MS });
  const retry = useMutation({
    mutationFn: (letter: Letter) => delivery.retry(letter.message_id),
    onSuccess: () => { tell(t("alarms.retried")); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: WAYS_READ }),
  });
  return (
    <>
      <div className="list-head">
        <label className="field">
          <span>{t("alarms.state")}</span>
          <select name="letter-state" value={wanted ?? ""} onChange={(event) => { void navigate({ to: "/alarms/ways", search: { tab: "messages", ...(event.target.value === "" ? {} : { state: event.target.value }) }, replace: true }); }}>
            <option value="">{t("alarms.all_messages")}</option>
            {LETTER_STATES.map((each) => (
              <option key={each} value={each}>
                {t(`alarm_letter.${each}`)}
              </option>
            ))}
          </select>
        </label>
        {letters.data !== undefined && letters.data.total > 0 && (
          <ExportButton
            name="notifications"
            headings={["time", "to", "channel", "cause", "state", "way", "attempts", "sent", "error"].map((each) => wordOf(t, "alarm_letter_column", each))}
            load={(rows) => delivery.letters({ state: wanted, ...rows })}
            cells={(letter) => [letter.decided_at, letter.recipient, wordOf(t, "alarm_channel", letter.channel), letter.cause, wordOf(t, "alarm_letter", letter.state), letter.way, letter.attempts, letter.sent_at, letter.last_error]}
          />
        )}
      </div>
      {letters.isError && letters.data === undefined ? (
        <Failed what={t("alarms.no_ways")} error={letters.error} retry={() => void letters.refetch()} />
      ) : letters.data === undefined ? (
        <Skeleton width="100%" height="240px" />
      ) : letters.data.items.length === 0 ? (
        <Empty title={t("alarms.no_letters")} />
      ) : (
        <>
          <Table
            label={t("alarm_delivery.messages")}
            testid="letters"
            columns={["time", "to", "cause", "state", "action"].map((key) => ({ key, label: wordOf(t, "alarm_letter_column", key), title: key === "to" }))}
            rows={letters.data.items.map((letter) => ({
              key: letter.message_id,
              cells: [
                moment(letter.decided_at),
                <Fragment key="to">
                  {letter.recipient}
                  <p className="faint">
                    {wordOf(t, "alarm_channel", letter.channel)} · {letter.address}
                  </p>
                </Fragment>,
                <Cause key="cause" letter={letter} />,
                <Fragment key="state">
                  {wordOf(t, "alarm_letter", letter.state)} <span className="faint">{letter.state === "sent" ? moment(letter.sent_at) : letter.next_at === null ? "" : moment(letter.next_at)}</span>
                  {letter.way !== null && <p className="faint">{letter.way}</p>}
                  {letter.last_error !== null && <p className="faint">{letter.last_error}</p>}
                </Fragment>,
                letter.state === "given_up" && (
                  <button key="retry" type="button" className="button button-small" disabled={retry.isPending} onClick={() => { retry.mutate(letter); }} data-testid="retry">
                    {t("alarms.retry")}
                  </button>
                ),
              ],
            }))}
          />
          <Pager total={letters.data.total} rows={PAGE_ROWS} page={page} to={(next) => ({ to: "/alarms/ways", search: { tab: "messages", ...(wanted === undefined ? {} : { state: wanted }), page: next } })} />
        </>
      )}
    </>
  );
}

/** The way from a message to what caused it. */
function Cause({ letter }: { letter: Letter }): ReactElement {
  const [kind = "", key = ""] = letter.cause.split(/:(.*)/);
  if (kind === "alarm" && Number(key) > 0) {
    return (
      <Link to="/alarms" search={{ state: "all", alarm: Number(key) }}>
        {letter.cause}
      </Link>
    );
  }
  if (kind === "order") {
    return (
      <Link to="/orders/$number" params={{ number: key }}>
        {letter.cause}
      </Link>
    );
  }
  return <>{letter.cause}</>;
}
