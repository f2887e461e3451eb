import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { useSites } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { wordOf } from "../i18n/translator.ts";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { useReportWords } from "./language.tsx";
import { changeSchedule, makeSchedule, type Schedule, type ScheduleFields } from "./schedulesapi.ts";
import { addressesOf, codeFor, minuteOf, REPORTS, timeOfMinute } from "./scheduling.ts";

interface FormProps {
  /** Null: a new one. */
  schedule: Schedule | null;
  taken: readonly string[];
  close: () => void;
}

const FIRST: ScheduleFields = { name: "", reports: ["overview"], site: null, line: null, recipients: [], language: "en", every: "day", minute: 390, weekday: 0, time_zone: null, formats: ["pdf", "xlsx"], active: true };
const FORMATS = ["pdf", "xlsx", "csv"] as const;

/** What of a schedule can be changed. */
function fieldsOf(schedule: Schedule): ScheduleFields {
  const { name, site, line, recipients, every, minute, weekday, time_zone, active } = schedule;
  return {
    name,
    site,
    line,
    recipients,
    every,
    minute,
    weekday,
    time_zone,
    active,
    language: schedule.language === "zh-CN" ? "zh-CN" : "en",
    reports: REPORTS.filter((each) => schedule.reports.includes(each)),
    formats: FORMATS.filter((each) => schedule.formats.includes(each)),
  };
}

/** With one more, or without it. */
function switched<T>(list: readonly T[], one: T): T[] {
  return list.includes(one) ? list.filter((each) => each !== one) : [...list, one];
}

/** Everything that a schedule says, in one form. */
export function ScheduleDialog({ schedule, taken, close }: FormProps): ReactElement {
  const t = useReportWords();
  const sites = useSites().data?.items ?? [];
  const queries = useQueryClient();
  const [fields, setFields] = useState<ScheduleFields>(() => (schedule === null ? { ...FIRST, language: t.language, site: sites.length === 1 ? (sites[0]?.code ?? null) : null } : fieldsOf(schedule)));
  const [recipients, setRecipients] = useState(() => fields.recipients.join("\n"));
  const change = (part: Partial<ScheduleFields>): void => { setFields({ ...fields, ...part }); };
  const keep = useMutation({
    mutationFn: () => {
      const said = { ...fields, name: fields.name.trim(), recipients: addressesOf(recipients) };
      return schedule === null ? makeSchedule(codeFor(said.name, taken), said) : changeSchedule(schedule.code, schedule.version, said);
    },
    onSuccess: () => {
      tell(t("schedules.saved", { name: fields.name }));
      close();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["report-schedules"] }),
  });
  const complete = fields.name.trim() !== "" && fields.reports.length > 0 && fields.formats.length > 0 && addressesOf(recipients).length > 0;
  return (
    <Dialog title={schedule === null ? t("schedules.new") : t("schedules.change_of", { name: schedule.name })} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (complete) keep.mutate();
        }}
      >
        <label className="field">
          <span>{t("schedules.field_name")}</span>
          <input name="name" required value={fields.name} onChange={(event) => { change({ name: event.target.value }); }} />
        </label>
        <fieldset className="schedule-choices">
          <legend>{t("schedules.column_reports")}</legend>
          {REPORTS.map((name) => (
            <label key={name} className="check">
              <input type="checkbox" name={`report-${name}`} checked={fields.reports.includes(name)} onChange={() => { change({ reports: switched(fields.reports, name) }); }} />
              <span>{wordOf(t, "report_name", name)}</span>
            </label>
          ))}
        </fieldset>
        <div className="row">
          <label className="field">
            <span>{t("reports.site")}</span>
            <select name="site" value={fields.site ?? ""} onChange={(event) => { change({ site: event.target.value === "" ? null : event.target.value, line: null }); }}>
              <option value="">{t("reports.all_sites")}</option>
              {sites.map((site) => (
                <option key={site.code} value={site.code}>
                  {site.name}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>{t("schedules.field_language")}</span>
            <select name="language" value={fields.language} onChange={(event) => { change({ language: event.target.value === "en" ? "en" : "zh-CN" }); }}>
              <option value="en">English</option>
              <option value="zh-CN">中文</option>
            </select>
          </label>
        </div>
        <div className="row">
          <label className="field">
            <span>{t("schedules.field_every")}</span>
            <select name="every" value={fields.every} onChange={(event) => { change({ every: event.target.value === "day" ? "day" : "week" }); }}>
              <option value="day">{t("schedules.every_day")}</option>
              <option value="week">{t("schedules.every_week")}</option>
            </select>
          </label>
          {fields.every === "week" && (
            <label className="field">
              <span>{t("schedules.field_weekday")}</span>
              <select name="weekday" value={fields.weekday} onChange={(event) => { change({ weekday: Number(event.target.value) }); }}>
                {Array.from({ length: 7 }, (_, day) => (
                  <option key={day} value={day}>
                    {wordOf(t, "weekday", String(day))}
                  </option>
                ))}
              </select>
            </label>
          )}
          <label className="field">
            <span>{t("schedules.field_time")}</span>
            <input type="time" name="time" required value={timeOfMinute(fields.minute)} onChange={(event) => { change({ minute: minuteOf(event.target.value) ?? fields.minute }); }} />
          </label>
        </div>
        <label className="field">
          <span>{t("schedules.field_recipients")}</span>
          <textarea name="recipients" rows={3} required value={recipients} onChange={(event) => { setRecipients(event.target.value); }} />
        </label>
        <fieldset className="schedule-choices">
          <legend>{t("schedules.field_formats")}</legend>
          {FORMATS.map((format) => (
            <label key={format} className="check">
              <input type="checkbox" name={`format-${format}`} checked={fields.formats.includes(format)} onChange={() => { change({ formats: switched(fields.formats, format) }); }} />
              <span>{format.toUpperCase()}</span>
            </label>
          ))}
          <label className="check">
            <input type="checkbox" name="active" checked={fields.active} onChange={() => { change({ active: !fields.active }); }} />
            <span>{t("schedules.field_active")}</span>
          </label>
        </fieldset>
        <FormFoot error={keep.error} waiting={keep.isPending || !complete} action={t("schedules.save")} close={close} />
      </form>
    </Dialog>
  );
}
