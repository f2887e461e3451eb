import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type DragEvent, type ReactElement } from "react";
import { wordOf } from "../i18n/translator.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Failed, reasonOf, Skeleton } from "../ui/states.tsx";
import { importFiles, type Change, type Outcome } from "./api.ts";
import { useMaster, type MasterTranslator } from "./language.tsx";

const SHOWN = 200;

/** Files of master data, looked at as a whole before anything is written. */
export function ImportPanel(): ReactElement {
  const [files, setFiles] = useState<readonly File[]>([]);
  const [round, setRound] = useState(0);
  const take = (list: FileList | null): void => {
    if (list === null || list.length === 0) return;
    setFiles([...list]);
    setRound(round + 1);
  };
  return (
    <>
      <Drop take={take} />
      {files.length > 0 && <Judged key={round} round={round} files={files} />}
    </>
  );
}

function Drop({ take }: { take: (files: FileList | null) => void }): ReactElement {
  const t = useMaster();
  const [over, setOver] = useState(false);
  const hold = (event: DragEvent): void => {
    event.preventDefault();
    setOver(true);
  };
  return (
    // The file input beside it is the way by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- it only takes what is dropped
    <div
      className={over ? "drop drop-over" : "drop"}
      role="group"
      aria-label={t("master.drop")}
      onDragEnter={hold}
      onDragOver={hold}
      onDragLeave={() => { setOver(false); }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer.files);
      }}
    >
      <strong>{t("master.drop")}</strong>
      <label className="field">
        <span>{t("master.choose")}</span>
        <input type="file" multiple accept=".yaml,.yml,.json,.csv,.zip" data-testid="master-file" onChange={(event) => {
            take(event.target.files);
            // A file that was mended meanwhile can be chosen again.
            event.target.value = "";
          }} />
      </label>
      <p className="faint">{t("master.formats")}</p>
    </div>
  );
}

function Judged({ files, round }: { files: readonly File[]; round: number }): ReactElement {
  const t = useMaster();
  const queries = useQueryClient();
  const [missing, setMissing] = useState(false);
  const [reason, setReason] = useState("");
  const names = files.map((file) => file.name).join(", ");
  const dry = useQuery({
    queryKey: ["master-data-dry", round, names, missing],
    queryFn: () => importFiles(files, { dry_run: true, remove_missing: missing }),
    gcTime: 0,
    staleTime: Infinity,
    retry: false,
  });
  const apply = useMutation({
    mutationFn: () => importFiles(files, { dry_run: false, remove_missing: missing, ...(reason.trim() === "" ? {} : { reason: reason.trim() }) }),
    onSettled: () => Promise.all(["master-data", "items", "customers", "sites"].map((name) => queries.invalidateQueries({ queryKey: [name] }))),
  });
  const outcome = apply.data ?? dry.data;
  return (
    <section className="card" aria-label={names} data-testid="master-judged">
      <div className="card-head">
        <h2>{names}</h2>
        {!apply.isSuccess && (
          <label className="md-check">
            <input type="checkbox" name="remove_missing" checked={missing} onChange={(event) => { setMissing(event.target.checked); }} />
            <span>{t("master.remove_missing")}</span>
          </label>
        )}
      </div>
      {dry.isError && outcome === undefined && <Failed what={t("master.unreadable")} error={dry.error} retry={() => void dry.refetch()} />}
      {dry.isPending && <Skeleton width="100%" height="120px" />}
      {outcome !== undefined && <Told outcome={outcome} />}
      {apply.isError && (
        <p className="dialog-error" role="alert">
          {reasonOf(t, apply.error)}
        </p>
      )}
      {!apply.isSuccess && dry.data?.faults.length === 0 && dry.data.total_changes > 0 && (
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            apply.mutate();
          }}
        >
          <label className="field">
            <span>{t("master.reason")}</span>
            <input name="reason" maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
          </label>
          <button type="submit" className="button button-primary" disabled={apply.isPending || dry.isFetching} data-testid="master-apply">
            {t("master.apply", { n: dry.data.total_changes })}
          </button>
        </form>
      )}
    </section>
  );
}

function Told({ outcome }: { outcome: Outcome }): ReactElement {
  const t = useMaster();
  const faulty = outcome.faults.length > 0;
  return (
    <>
      <p aria-live="polite" data-testid={outcome.applied ? "master-applied" : "master-dry"}>
        <strong>{faulty ? t("master.faulty", { n: outcome.faults.length }) : outcome.applied ? t("master.applied", { n: outcome.total_changes }) : t(outcome.total_changes === 0 ? "master.no_change" : "master.would", { n: outcome.total_changes })}</strong>{" "}
        {outcome.definite.length > 0 && t("master.definite", { names: outcome.definite.join(", ") })}
      </p>
      {faulty && (
        <ul className="md-faults" data-testid="master-faults">
          {outcome.faults.map((fault, place) => (
            <li key={place} className="problem">
              <Glyph name="down" />
              <p>
                <code>{[fault.file, fault.line, fault.column].filter((part) => part !== 0).join(":")}</code> {fault.value === null ? "" : `“${fault.value}” `}
                {fault.problem}
              </p>
            </li>
          ))}
        </ul>
      )}
      <Counts outcome={outcome} />
      <Changes changes={outcome.changes} total={outcome.total_changes} />
    </>
  );
}

function Counts({ outcome }: { outcome: Outcome }): ReactElement {
  const t = useMaster();
  return (
    <ul className="md-counts">
      {outcome.kinds.map((each) => (
        <li key={each.kind}>
          <strong>{wordOf(t, "kind", each.kind)}</strong> {t("master.counts", { added: each.added, changed: each.changed, retired: each.retired, unchanged: each.unchanged })}
        </li>
      ))}
    </ul>
  );
}

function Changes({ changes, total }: { changes: readonly Change[]; total: number }): ReactElement | null {
  const t = useMaster();
  if (changes.length === 0) return null;
  return (
    <>
      <div className="scroll-x" role="region" aria-label={t("master.changes")} tabIndex={0}>
        <table className="table" data-testid="master-changes">
          <thead>
            <tr>
              <th scope="col">{t("master.change")}</th>
              <th scope="col">{t("master.record")}</th>
              <th scope="col">{t("master.before_after")}</th>
            </tr>
          </thead>
          <tbody>
            {changes.slice(0, SHOWN).map((change, place) => (
              <tr key={place}>
                <td>
                  <span className={`md-change md-change-${change.change}`}>{wordOf(t, "change", change.change)}</span>
                </td>
                <td>{named(t, change)}</td>
                <td>{change.change === "retired" ? "" : <Differences change={change} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {total > SHOWN && <p className="faint">{t("master.more", { n: total - SHOWN })}</p>}
    </>
  );
}

/** “item bracket” is the server's; here the kind is in the reader's language. */
function named(t: MasterTranslator, change: Change): string {
  const values = change.name.includes(" ") ? change.name.slice(change.name.indexOf(" ") + 1) : change.name;
  return t.language === "en" ? change.name : `${wordOf(t, "one", change.kind)} ${values.replace(/^(of (an item|a customer|material)|at a site|exception|pattern|plan|day|rule|time|zone) /, "")}`;
}

function Differences({ change }: { change: Change }): ReactElement {
  const t = useMaster();
  const names = [...new Set([...Object.keys(change.before), ...Object.keys(change.after)])];
  const said = (value: unknown): string => (value === null || value === undefined ? "–" : Array.isArray(value) ? t("value.entries", { n: value.length }) : typeof value === "string" ? value : JSON.stringify(value));
  if (change.change === "added") return <span className="faint">{names.map((name) => `${wordOf(t, "field", name)}: ${said(change.after[name])}`).join(" · ")}</span>;
  return (
    <>
      {names.map((name) => (
        <span key={name} className="md-difference">
          {wordOf(t, "field", name)}: <del>{said(change.before[name])}</del> → <ins>{said(change.after[name])}</ins>
        </span>
      ))}
    </>
  );
}
