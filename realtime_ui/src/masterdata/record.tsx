import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { tell } from "../app/toasts.tsx";
import { Contacts } from "../contacts/list.tsx";
import { customerContacts } from "../contacts/source.ts";
import { dayIn } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { Failed, Skeleton } from "../ui/states.tsx";
import { readItem, saveRecord, type RecordShown } from "./api.ts";
import { effectiveOn, keyText, type Fields, type FieldView, type KindView } from "./kinds.ts";
import { useMaster } from "./language.tsx";
import { ShiftRows, shiftsOf, toldShifts, type ShiftRow } from "./shiftrows.tsx";
import { Week } from "./week.tsx";
import { Entries, textOf } from "./value.tsx";

interface DialogProps {
  kind: KindView;
  /** None: a new one. */
  record: RecordShown | null;
  edits: boolean;
  close: () => void;
}

/** A record with everything it says; its simple fields can be changed in place, for a reason. */
export function RecordDialog({ kind, record, edits, close }: DialogProps): ReactElement {
  const t = useMaster();
  const orders = usePermission("order");
  const [mode, setMode] = useState<"show" | "edit" | "remove">(record === null ? "edit" : "show");
  const title = record === null ? t("master.new_of", { kind: wordOf(t, "one", kind.name) }) : keyText(record.key);
  return (
    <Dialog title={title} text={wordOf(t, "one", kind.name)} close={close}>
      {mode === "show" && record !== null && (
        <>
          <Shown kind={kind} record={record.record} />
          {kind.name === "customers" && orders && <Contacts source={customerContacts(String(record.record["code"]))} />}
          {kind.name === "items" && <OfItem code={String(record.record["code"])} />}
          {edits && (
            <div className="dialog-actions">
              <button type="button" className="button button-quiet" onClick={() => { setMode("remove"); }}>
                {t("master.remove")}
              </button>
              <button type="button" className="button" onClick={close}>
                {t("action.back")}
              </button>
              <button type="button" className="button button-primary" onClick={() => { setMode("edit"); }} data-testid="master-edit">
                {t("master.edit")}
              </button>
            </div>
          )}
        </>
      )}
      {mode === "edit" && <Edit kind={kind} record={record} close={close} />}
      {mode === "remove" && record !== null && <Remove kind={kind} record={record} close={close} />}
    </Dialog>
  );
}

function Shown({ kind, record }: { kind: KindView; record: Fields }): ReactElement {
  const t = useMaster();
  const lists = kind.fields.filter((field) => field.type === "children");
  return (
    <>
      <dl className="md-fields">
        {kind.fields
          .filter((field) => field.type !== "children")
          .map((field) => (
            <div key={field.name}>
              <dt>{wordOf(t, "field", field.name)}</dt>
              <dd>{textOf(t, field, record[field.name])}</dd>
            </div>
          ))}
      </dl>
      {lists.map((field) => {
        const rows = Array.isArray(record[field.name]) ? (record[field.name] as Fields[]) : [];
        return (
          <section key={field.name} className="md-part">
            <h3>{wordOf(t, "field", field.name)}</h3>
            {field.name === "shifts" && <Week shifts={shiftsOf(rows)} weeks={weeksOf(record["rotation_weeks"])} />}
            <Entries rows={rows} label={wordOf(t, "field", field.name)} />
          </section>
        );
      })}
    </>
  );
}

/** What belongs to an item: bills and routings by version, sites, names, and where it is used. */
function OfItem({ code }: { code: string }): ReactElement {
  const t = useMaster();
  const now = useNow();
  const item = useQuery({ queryKey: ["master-data", "item", code], queryFn: () => readItem(code) });
  if (item.isError) return <Failed what={t("master.failed")} error={item.error} retry={() => void item.refetch()} />;
  if (item.data === undefined) return <Skeleton width="100%" height="96px" />;
  const versions = [...item.data.bills.map((each) => ({ kind: "bills", each, rows: each.lines })), ...item.data.routing_versions.map((each) => ({ kind: "routings", each, rows: each.steps }))];
  return (
    <>
      {versions.map(({ kind, each, rows }) => {
        const when = effectiveOn(each, dayIn(now, "UTC"));
        const days = each.valid_from === null && each.valid_to === null ? null : `${each.valid_from ?? ""} … ${each.valid_to ?? ""}`;
        return (
          <details key={`${kind} ${each.site ?? ""} ${each.version}`} className="md-part" open={when === "now"}>
            <summary>
              <strong>{t("master.version", { kind: wordOf(t, "one", kind), version: each.version })}</strong> <span className="faint">{[each.site, days, when === null ? null : wordOf(t, "effective", when)].filter((part) => part !== null).join(" · ")}</span>
            </summary>
            <Entries rows={rows} label={wordOf(t, "kind", kind)} />
          </details>
        );
      })}
      {item.data.used_in.length > 0 && <p>{t("master.used_in", { items: item.data.used_in.join(", ") })}</p>}
    </>
  );
}

function weeksOf(value: unknown): number {
  const weeks = Number(value);
  return Number.isSafeInteger(weeks) && weeks >= 1 && weeks <= 52 ? weeks : 1;
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join("; ") : typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function Edit({ kind, record, close }: { kind: KindView; record: RecordShown | null; close: () => void }): ReactElement {
  const t = useMaster();
  const queries = useQueryClient();
  const simple = kind.fields.filter((field) => field.type !== "children");
  const [said, setSaid] = useState<Record<string, string>>(() => Object.fromEntries(simple.map((field) => [field.name, asText(record?.record[field.name])])));
  const [shifts, setShifts] = useState<ShiftRow[]>(() => shiftsOf(Array.isArray(record?.record["shifts"]) ? (record.record["shifts"] as Fields[]) : []));
  const [reason, setReason] = useState("");
  const withShifts = kind.name === "shift_patterns";
  const fields = (): Fields => {
    const before = record?.record ?? {};
    const changed = simple.filter((field) => (record === null ? said[field.name] !== "" : field.key === true || said[field.name] !== asText(before[field.name])));
    return {
      // A key that is nothing has to be said too: without it the record is another one.
      ...Object.fromEntries(changed.map((field) => [field.name, said[field.name] === "" ? null : said[field.name]])),
      ...(withShifts ? { shifts: toldShifts(shifts) } : {}),
    };
  };
  const save = useMutation({
    mutationFn: () => saveRecord(kind.name, fields(), reason.trim() === "" ? {} : { reason: reason.trim() }),
    onSuccess: (outcome) => {
      tell(t(outcome.total_changes === 0 ? "master.same" : "master.saved"));
      close();
    },
    onSettled: () => Promise.all(["master-data", "items", "customers", "sites"].map((name) => queries.invalidateQueries({ queryKey: [name] }))),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <div className="md-edit">
        {simple.map((field) => (
          <Field key={field.name} field={field} value={said[field.name] ?? ""} fixed={field.key === true && record !== null} change={(value) => { setSaid({ ...said, [field.name]: value }); }} />
        ))}
      </div>
      {withShifts && <ShiftRows rows={shifts} weeks={weeksOf(said["rotation_weeks"])} change={setShifts} />}
      <label className="field">
        <span>{t("master.reason")}</span>
        <input name="reason" maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
      </label>
      <FormFoot error={save.error} waiting={save.isPending} action={t("master.save")} close={close} />
    </form>
  );
}

const INPUTS: Partial<Record<FieldView["type"], string>> = { day: "date", clock: "time" };

function Field({ field, value, fixed, change }: { field: FieldView; value: string; fixed: boolean; change: (value: string) => void }): ReactElement {
  const t = useMaster();
  const choices = field.choices ?? (field.type === "truth" ? ["true", "false"] : undefined);
  return (
    <label className="field">
      <span>
        {wordOf(t, "field", field.name)}
        {field.type === "list" && ` (${t("master.list_hint")})`}
      </span>
      {choices === undefined ? (
        <input name={field.name} type={INPUTS[field.type] ?? "text"} inputMode={field.type === "number" ? "decimal" : undefined} required={field.required === true} readOnly={fixed} value={value} onChange={(event) => { change(event.target.value); }} />
      ) : (
        <select name={field.name} required={field.required === true} disabled={fixed} value={value} onChange={(event) => { change(event.target.value); }}>
          <option value="" />
          {choices.map((each) => (
            <option key={each} value={each}>
              {field.type === "truth" ? t(each === "true" ? "value.yes" : "value.no") : wordOf(t, "choice", each)}
            </option>
          ))}
        </select>
      )}
    </label>
  );
}

function Remove({ kind, record, close }: { kind: KindView; record: RecordShown; close: () => void }): ReactElement {
  const t = useMaster();
  const queries = useQueryClient();
  const [reason, setReason] = useState("");
  const remove = useMutation({
    mutationFn: () => saveRecord(kind.name, record.key, { remove: true, ...(reason.trim() === "" ? {} : { reason: reason.trim() }) }),
    onSuccess: () => {
      tell(t("master.removed"));
      close();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["master-data"] }),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        remove.mutate();
      }}
    >
      <p>{t("master.remove_text")}</p>
      <label className="field">
        <span>{t("master.reason")}</span>
        <input name="reason" maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
      </label>
      <FormFoot error={remove.error} waiting={remove.isPending} action={t("master.remove")} close={close} danger />
    </form>
  );
}
