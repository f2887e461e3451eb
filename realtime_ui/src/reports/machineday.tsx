import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState, type ReactElement } from "react";
import { Table } from "../desk/table.tsx";
import { formatClock, formatDuration, formatMoment } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { instantOf } from "../orders/dates.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Empty, Failed, Skeleton, StateBadge } from "../ui/states.tsx";
import { dayWords } from "./figures.ts";
import { useGiving } from "./giving.ts";
import { useReportWords, type ReportTranslator } from "./language.tsx";
import { plusDays } from "./periods.ts";
import { Reasons } from "./reasons.tsx";
import { segmentsOf } from "./strip.ts";
import { Strip } from "./stripview.tsx";
import { readDay, readReasons, readStates, type Stop, type StopReason } from "./stopsapi.ts";

const KEPT_MS = 300_000;
const REFRESH_MS = 15_000;

interface DayProps {
  machine: string;
  name: string;
  day: string;
  zone: string;
}

/** What a reason is called; a code that the plant has no name for stays readable. */
export function reasonName(t: ReportTranslator, stop: Stop, reasons: readonly StopReason[]): string | null {
  return stop.reason === null ? null : (reasons.find((each) => each.code === stop.reason)?.name ?? stop.reason_words ?? wordOf(t, "reason", stop.reason));
}

/** A machine's day of the plant: a strip, the stops in it, and why it stood. */
export function MachineDay({ machine, name, day, zone }: DayProps): ReactElement {
  const t = useReportWords();
  const now = useNow();
  const language = t.language === "zh-CN" ? "zh" : "en";
  const mayGive = usePermission("operate");
  const [chosen, setChosen] = useState<string | null>(null);
  const site = machine.split("/")[0] ?? "";
  const from = instantOf(`${day}T00:00`, zone);
  const until = instantOf(`${plusDays(day, 1)}T00:00`, zone);
  const refetchInterval = Date.parse(until) > now ? REFRESH_MS : (false as const);
  const stops = useQuery({ queryKey: ["stops", machine, day, language], queryFn: ({ signal }) => readDay(machine, day, language, signal), refetchInterval });
  const states = useQuery({ queryKey: ["machine-states", machine, from, until], queryFn: ({ signal }) => readStates(machine, from, until, signal), refetchInterval });
  const reasons = useQuery({ queryKey: ["stop-reasons", site, language], queryFn: () => readReasons(site, language), staleTime: KEPT_MS }).data ?? [];
  const give = useGiving(machine);
  const span = useMemo(() => ({ from: Date.parse(from), until: Date.parse(until) }), [from, until]);
  const segments = useMemo(
    () => segmentsOf(stops.data ?? [], states.data?.changes ?? [], states.data === undefined ? 0 : Date.parse(states.data.states_until), span, now),
    [stops.data, states.data, span, now],
  );
  if (stops.isError && stops.data === undefined) return <Failed what={t("stops.failed")} error={stops.error} retry={() => void stops.refetch()} />;
  if (stops.data === undefined) return <Skeleton width="100%" height="320px" />;
  if (segments.length === 0) {
    return (
      <Empty title={t("stops.nothing", { day: dayWords(t.language, day) })}>
        <p>{t("stops.nothing_text")}</p>
      </Empty>
    );
  }
  const stop = stops.data.find((each) => each.from === chosen) ?? null;
  const choose = mayGive ? (each: Stop): void => { setChosen(each.from); } : null;
  return (
    <>
      <Strip name={name} zone={zone} day={span} segments={segments} chosen={chosen} reason={(each) => reasonName(t, each, reasons)} choose={choose} />
      {stop !== null && (
        <Reasons
          key={stop.from}
          reasons={reasons}
          stop={stop}
          zone={zone}
          busy={give.isPending}
          choose={(reason, note) => {
            give.mutate({ stop, reason, note, name: reasons.find((each) => each.code === reason)?.name ?? "" });
            setChosen(null);
          }}
          close={() => { setChosen(null); }}
        />
      )}
      <Stops stops={stops.data} reasons={reasons} zone={zone} choose={choose} />
    </>
  );
}

function Stops({ stops, reasons, zone, choose }: { stops: readonly Stop[]; reasons: readonly StopReason[]; zone: string; choose: ((stop: Stop) => void) | null }): ReactElement {
  const t = useReportWords();
  const now = useNow();
  if (stops.length === 0) return <p className="report-nothing">{t("stops.none")}</p>;
  return (
    <Table
      label={t("reports.stops")}
      testid="stops"
      columns={[
        { key: "when", label: t("stops.column_when"), title: true },
        { key: "length", label: t("stops.column_length"), number: true },
        { key: "state", label: t("stops.column_state") },
        { key: "reason", label: t("stops.column_reason") },
        { key: "by", label: t("stops.column_by") },
        { key: "order", label: t("reports.column_order") },
        { key: "action", label: t("stops.column_action") },
      ]}
      rows={stops.map((stop) => {
        const from = Date.parse(stop.from);
        const until = stop.until === null ? null : Date.parse(stop.until);
        const reason = reasonName(t, stop, reasons);
        return {
          key: stop.from,
          testid: `stop-${stop.from}`,
          cells: [
            until === null ? t("stops.since", { from: formatClock(from, zone, t.language) }) : t("reports.from_to", { from: formatClock(from, zone, t.language), to: formatClock(until, zone, t.language) }),
            formatDuration(t, (until ?? now) - from),
            <StateBadge key="state" state={stop.state} word={wordOf(t, "state", stop.state)} />,
            reason === null ? <span key="reason" className="faint">{t("stops.no_reason")}</span> : <strong key="reason">{reason}</strong>,
            toldBy(t, stop, zone, now),
            stop.order === null ? (
              ""
            ) : (
              <Link key="order" to="/orders/$number" params={{ number: stop.order }}>
                {stop.order}
              </Link>
            ),
            choose === null ? (
              ""
            ) : (
              <button key="action" type="button" className="button button-small" onClick={() => { choose(stop); }} data-testid={`give-${stop.from}`}>
                {t(stop.reason === null ? "stops.give" : "stops.change")}
              </button>
            ),
          ],
        };
      })}
    />
  );
}

/** Whose words the reason is; and what the machine had told before somebody knew better. */
function toldBy(t: ReportTranslator, stop: Stop, zone: string, now: number): string {
  const { by_hand: hand } = stop;
  if (hand === null) return stop.reason === null ? "" : t("stops.by_machine");
  const by = t("stops.by_hand", { by: hand.by, at: formatMoment(t, Date.parse(hand.at), now, zone) });
  return [by, ...(hand.note === null || hand.note === "" ? [] : [hand.note]), ...(stop.own_reason === null || stop.own_reason === stop.reason ? [] : [t("stops.machine_told", { reason: wordOf(t, "reason", stop.own_reason) })])].join(" · ");
}
