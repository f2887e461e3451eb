import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { tell } from "../app/toasts.tsx";
import { Table } from "../desk/table.tsx";
import { wordOf } from "../i18n/translator.ts";
import { reasonOf } from "../ui/states.tsx";
import { alarmApi } from "./api.ts";
import { DEFINITIONS } from "./known.ts";
import { useAlarms } from "./language.tsx";
import { ALARMS } from "./urgent.ts";

/** A YAML file looked at first, then taken in: all of it or nothing. */
export function TakeIn({ done }: { done: () => void }): ReactElement {
  const t = useAlarms();
  const queries = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const [reason, setReason] = useState("");
  const look = useMutation({ mutationFn: (chosen: File) => alarmApi.take(chosen, { file: chosen.name, dry_run: true }) });
  const take = useMutation({
    mutationFn: (chosen: File) => alarmApi.take(chosen, { file: chosen.name, dry_run: false, ...(reason.trim() === "" ? {} : { reason: reason.trim() }) }),
    onSuccess: (told) => {
      tell(t("alarms.taken_in", { n: told.changes.filter((each) => each.change !== "unchanged").length }));
      done();
    },
    onSettled: () => Promise.all([queries.invalidateQueries({ queryKey: DEFINITIONS }), queries.invalidateQueries({ queryKey: ALARMS })]),
  });
  const told = look.data;
  return (
    <section className="alarm-editor">
      <h2>{t("alarms.import")}</h2>
      <p className="faint">{t("alarms.import_text")}</p>
      <label className="field">
        <span>{t("alarms.file")}</span>
        <input
          type="file"
          accept=".yaml,.yml,application/yaml"
          onChange={(event) => {
            const chosen = event.target.files?.[0] ?? null;
            setFile(chosen);
            if (chosen !== null) look.mutate(chosen);
          }}
          data-testid="import-file"
        />
      </label>
      <div role="status">
        {look.error !== null && <p>{reasonOf(t, look.error)}</p>}
        {told !== undefined && told.faults.length > 0 && (
          <ul className="alarm-faults" data-testid="import-faults">
            {told.faults.map((fault) => (
              <li key={`${fault.line}:${fault.column} ${fault.problem}`}>
                <strong>
                  {fault.file}:{fault.line}:{fault.column}
                </strong>{" "}
                {fault.problem} {fault.value !== null && <code>{fault.value}</code>}
              </li>
            ))}
          </ul>
        )}
        {told?.faults.length === 0 && (
          <Table
            label={t("alarms.import")}
            testid="import-changes"
            columns={[{ key: "kind", label: t("alarms.kind") }, { key: "code", label: t("alarms.code"), title: true }, { key: "change", label: t("alarms.change") }]}
            rows={told.changes.map((each) => ({ key: `${each.kind} ${each.code}`, cells: [wordOf(t, "alarm_definitions", each.kind), each.code, wordOf(t, "alarm_change", each.change)] }))}
          />
        )}
      </div>
      {file !== null && told?.faults.length === 0 && (
        <form
          className="alarm-save"
          onSubmit={(event) => {
            event.preventDefault();
            take.mutate(file);
          }}
        >
          <label className="field">
            <span>{t("alarms.change_reason")}</span>
            <input name="reason" maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
          </label>
          <p className="dialog-error" role="alert">
            {take.error === null ? "" : reasonOf(t, take.error)}
          </p>
          <div className="dialog-actions">
            <button type="submit" className="button button-primary" disabled={take.isPending} data-testid="import-apply">
              {t("alarms.take_in")}
            </button>
          </div>
        </form>
      )}
    </section>
  );
}
