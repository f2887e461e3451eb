import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { Table } from "../desk/table.tsx";
import { formatMoment } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Confirm, Dialog } from "../ui/dialog.tsx";
import { Empty, Failed, reasonOf, Skeleton } from "../ui/states.tsx";
import { dayWords } from "./figures.ts";
import { ReportWords, useReportWords, type ReportTranslator } from "./language.tsx";
import { ScheduleDialog } from "./scheduleform.tsx";
import { timeOfMinute } from "./scheduling.ts";
import { dropSchedule, listSchedules, listSendings, sendNow, type Schedule, type Sending } from "./schedulesapi.ts";
import "../orders/orders.css";
import "../desk/desk.css";
import "./reports.css";
import "./schedules.css";

const REFRESH_MS = 15_000;
type Open = { what: "edit" | "drop" | "sendings"; schedule: Schedule } | { what: "new" };

/** `/reports/schedules`: which reports go out by themselves, to whom, when; and what was sent. */
export function SchedulesPage(): ReactElement {
  return (
    <ReportWords skeleton={<Skeleton width="100%" height="320px" />}>
      <Schedules />
    </ReportWords>
  );
}

function Schedules(): ReactElement {
  const t = useReportWords();
  const mayChange = usePermission("configure");
  const [open, setOpen] = useState<Open | null>(null);
  const schedules = useQuery({ queryKey: ["report-schedules"], queryFn: listSchedules, refetchInterval: REFRESH_MS });
  const close = (): void => { setOpen(null); };
  return (
    <div className="desk reports">
      <header className="reports-head">
        <div>
          <h1>{t("schedules.title")}</h1>
          <p className="faint">{t("schedules.text")}</p>
        </div>
        <nav className="reports-ways" aria-label={t("reports.more")}>
          <Link className="button button-quiet" to="/reports" search={{}}>
            {t("reports.title")}
          </Link>
          {mayChange && (
            <button type="button" className="button button-primary" onClick={() => { setOpen({ what: "new" }); }} data-testid="schedule-new">
              {t("schedules.new")}
            </button>
          )}
        </nav>
      </header>
      {schedules.isError && schedules.data === undefined ? (
        <Failed what={t("schedules.failed")} error={schedules.error} retry={() => void schedules.refetch()} />
      ) : schedules.data === undefined ? (
        <Skeleton width="100%" height="240px" />
      ) : schedules.data.items.length === 0 ? (
        <Empty title={t("schedules.empty")}>
          <p>{t("schedules.empty_text")}</p>
        </Empty>
      ) : (
        <ScheduleList schedules={schedules.data.items} mayChange={mayChange} open={setOpen} />
      )}
      {open?.what === "new" && <ScheduleDialog schedule={null} taken={schedules.data?.items.map((each) => each.code) ?? []} close={close} />}
      {open?.what === "edit" && <ScheduleDialog schedule={open.schedule} taken={[]} close={close} />}
      {open?.what === "sendings" && <Sendings schedule={open.schedule} close={close} />}
      {open?.what === "drop" && <Drop schedule={open.schedule} close={close} />}
    </div>
  );
}

function ScheduleList({ schedules, mayChange, open }: { schedules: readonly Schedule[]; mayChange: boolean; open: (what: Open) => void }): ReactElement {
  const t = useReportWords();
  const now = useNow();
  const sites = useSites().data?.items ?? [];
  const queries = useQueryClient();
  const send = useMutation({
    mutationFn: (code: string) => sendNow(code),
    onSuccess: (sent) => { tell(t("schedules.sent_now", { address: sent.address })); },
    onError: (error) => { tell(reasonOf(t, error), { bad: true }); },
    onSettled: () => queries.invalidateQueries({ queryKey: ["report-schedules"] }),
  });
  return (
    <Table
      label={t("schedules.title")}
      testid="schedules"
      columns={[
        { key: "name", label: t("schedules.column_name"), title: true },
        { key: "reports", label: t("schedules.column_reports") },
        { key: "when", label: t("schedules.column_when") },
        { key: "to", label: t("schedules.column_to") },
        { key: "next", label: t("schedules.column_next") },
        { key: "action", label: t("schedules.column_action") },
      ]}
      rows={schedules.map((schedule) => ({
        key: schedule.code,
        testid: `schedule-${schedule.code}`,
        cells: [
          schedule.name,
          <span key="reports">
            {schedule.reports.map((name) => wordOf(t, "report_name", name)).join(t("schedules.separator"))}
            <br />
            <span className="faint">{[sites.find((site) => site.code === schedule.site)?.name ?? schedule.site ?? t("reports.all_sites"), ...(schedule.line === null ? [] : [schedule.line]), schedule.formats.map((format) => format.toUpperCase()).join(" + ")].join(" · ")}</span>
          </span>,
          whenWords(t, schedule),
          <ul key="to" className="schedule-to">
            {schedule.recipients.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>,
          schedule.next === null ? t("schedules.paused") : formatMoment(t, Date.parse(schedule.next.at), now, schedule.zone),
          <span key="action" className="actions">
            <button type="button" className="button button-small button-quiet" onClick={() => { open({ what: "sendings", schedule }); }} data-testid={`sendings-${schedule.code}`}>
              {t("schedules.sendings")}
            </button>
            {mayChange && (
              <>
                <button type="button" className="button button-small" disabled={send.isPending} onClick={() => { send.mutate(schedule.code); }} title={t("schedules.send_title")} data-testid={`send-${schedule.code}`}>
                  {t("schedules.send")}
                </button>
                <button type="button" className="button button-small" onClick={() => { open({ what: "edit", schedule }); }} data-testid={`edit-${schedule.code}`}>
                  {t("schedules.change")}
                </button>
                <button type="button" className="button button-small" onClick={() => { open({ what: "drop", schedule }); }} data-testid={`drop-${schedule.code}`}>
                  {t("schedules.drop")}
                </button>
              </>
            )}
          </span>,
        ],
      }))}
    />
  );
}

/** "Mondays at 06:30": by the clock of the plant. */
function whenWords(t: ReportTranslator, schedule: Schedule): string {
  const time = timeOfMinute(schedule.minute);
  return schedule.every === "day" ? t("schedules.daily", { time }) : t("schedules.weekly", { day: wordOf(t, "weekday", String(schedule.weekday)), time });
}

function Sendings({ schedule, close }: { schedule: Schedule; close: () => void }): ReactElement {
  const t = useReportWords();
  const now = useNow();
  const sendings = useQuery({ queryKey: ["report-schedules", schedule.code, "sendings"], queryFn: () => listSendings(schedule.code), refetchInterval: REFRESH_MS });
  return (
    <Dialog title={t("schedules.sendings_of", { name: schedule.name })} close={close}>
      {sendings.isError ? (
        <p role="alert">{reasonOf(t, sendings.error)}</p>
      ) : sendings.data === undefined ? (
        <Skeleton width="100%" height="160px" />
      ) : sendings.data.items.length === 0 ? (
        <p className="report-nothing">{t("schedules.sendings_none")}</p>
      ) : (
        <Table
          label={t("schedules.sendings")}
          testid="sendings"
          columns={[
            { key: "at", label: t("schedules.column_at"), title: true },
            { key: "period", label: t("reports.period") },
            { key: "state", label: t("schedules.column_state") },
          ]}
          rows={sendings.data.items.map((each) => ({
            key: String(each.id),
            cells: [formatMoment(t, Date.parse(each.made_at), now, schedule.zone), t("reports.from_to", { from: dayWords(t.language, each.first), to: dayWords(t.language, each.last) }), stateWords(t, each)],
          }))}
        />
      )}
      <div className="dialog-actions">
        <button type="button" className="button button-primary" onClick={close}>
          {t("action.close")}
        </button>
      </div>
    </Dialog>
  );
}

/** What became of a period's mails: "2 sent, 1 on its way". */
function stateWords(t: ReportTranslator, sending: Sending): string {
  if (!sending.sent) return t("schedules.left_out");
  return Object.entries(sending.letters).map(([state, n]) => `${n} ${wordOf(t, "sending", state)}`).join(t("schedules.separator"));
}

function Drop({ schedule, close }: { schedule: Schedule; close: () => void }): ReactElement {
  const t = useReportWords();
  const queries = useQueryClient();
  return (
    <Confirm
      danger
      title={t("schedules.drop_title", { name: schedule.name })}
      text={t("schedules.drop_text")}
      action={t("schedules.drop")}
      close={close}
      confirm={() => {
        close();
        dropSchedule(schedule.code).then(
          () => { tell(t("schedules.dropped", { name: schedule.name })); },
          (error: unknown) => { tell(reasonOf(t, error), { bad: true }); },
        ).finally(() => void queries.invalidateQueries({ queryKey: ["report-schedules"] }));
      }}
    />
  );
}
