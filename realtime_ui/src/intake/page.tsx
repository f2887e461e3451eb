import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type DragEvent, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { ColumnMapping, Format, Intake, TableFormat } from "../api/types.ts";
import { useSites } from "../app/sites.ts";
import { DeskWords, useDesk } from "../desk/language.tsx";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { Failed, Forbidden, reasonOf, Skeleton } from "../ui/states.tsx";
import { guessFormat, isTable } from "./guess.ts";
import { Columns } from "./columns.tsx";
import { Problems, Taken } from "./taken.tsx";
import "../orders/orders.css";
import "../desk/desk.css";

const FORMATS: readonly Format[] = ["csv", "xlsx", "sap-idoc", "x12", "edifact", "kingdee", "yonyou", "shopify"];
const HEAD_BYTES = 4_096;

interface Chosen {
  file: File;
  format: Format | null;
}

/** `/import`: a file of orders, looked at before anything is written. */
export function ImportPage(): ReactElement {
  const mayOrder = usePermission("order");
  if (!mayOrder) return <Forbidden />;
  return (
    <DeskWords skeleton={<Skeleton width="100%" height="240px" />}>
      <Import />
    </DeskWords>
  );
}

function Import(): ReactElement {
  const t = useDesk();
  const [chosen, setChosen] = useState<Chosen[]>([]);
  const [round, setRound] = useState(0);
  const take = async (files: FileList | null): Promise<void> => {
    const found = await Promise.all(
      [...(files ?? [])].map(async (file) => ({ file, format: guessFormat(file.name, new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer())) })),
    );
    if (found.length === 0) return;
    setChosen(found);
    setRound(round + 1);
  };
  return (
    <div className="desk">
      <header>
        <h1>{t("import.title")}</h1>
        <p className="faint">{t("import.text")}</p>
      </header>
      <Drop take={(files) => void take(files)} />
      {chosen.map(({ file, format }, place) => (
        <ImportFile key={`${round} ${place}`} file={file} guessed={format} />
      ))}
    </div>
  );
}

function Drop({ take }: { take: (files: FileList | null) => void }): ReactElement {
  const t = useDesk();
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
      aria-label={t("import.drop")}
      onDragEnter={hold}
      onDragOver={hold}
      onDragLeave={() => { setOver(false); }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer.files);
      }}
    >
      <strong>{t("import.drop")}</strong>
      <span className="faint">{t("import.choose")}</span>
      <label className="button">
        {t("import.pick")}
        <input type="file" multiple accept=".csv,.tsv,.txt,.xlsx,.xml,.edi,.x12,.json" data-testid="import-file" onChange={(event) => { take(event.target.files); }} />
      </label>
      <p className="faint">{t("import.formats")}</p>
    </div>
  );
}

function ImportFile({ file, guessed }: { file: File; guessed: Format | null }): ReactElement {
  const t = useDesk();
  const queries = useQueryClient();
  const sites = useSites();
  const [format, setFormat] = useState<Format | null>(guessed);
  const [site, setSite] = useState("");
  const [mapping, setMapping] = useState<ColumnMapping | null>(null);
  const chosenSite = site === "" ? sites.data?.items[0]?.code : site;
  const options = {
    site: chosenSite,
    file_name: file.name.slice(0, 100),
    ...(isTable(format) && mapping !== null ? { columns: JSON.stringify(mapping) } : {}),
  };
  const dry = useQuery({
    queryKey: ["dry-run", file.name, file.size, file.lastModified, format, chosenSite, mapping],
    queryFn: () => api.takeDocumentsIn(format ?? "csv", file, { ...options, dry_run: "true" }),
    enabled: format !== null && chosenSite !== undefined,
    staleTime: 60_000,
    placeholderData: (before) => before,
  });
  const take = useMutation({
    mutationFn: () => api.takeDocumentsIn(format ?? "csv", file, options),
    onSettled: () => Promise.all(["orders", "order-count", "review"].map((key) => queries.invalidateQueries({ queryKey: [key] }))),
  });
  const result = take.data ?? dry.data;
  return (
    <section className="card" aria-label={file.name} data-testid="import-card">
      <div className="card-head">
        <h2>{file.name}</h2>
        <div className="row">
          <label className="field">
            <span>{t("import.format")}</span>
            <select value={format ?? ""} disabled={take.isSuccess} onChange={(event) => { setFormat(event.target.value as Format); setMapping(null); }} data-testid="import-format">
              {format === null && <option value="">{t("create.choose")}</option>}
              {FORMATS.map((each) => (
                <option key={each} value={each}>
                  {wordOf(t, "format", each)}
                </option>
              ))}
            </select>
          </label>
          {(sites.data?.items.length ?? 0) > 1 && (
            <label className="field">
              <span>{t("orders.site")}</span>
              <select value={chosenSite ?? ""} disabled={take.isSuccess} onChange={(event) => { setSite(event.target.value); }}>
                {sites.data?.items.map((each) => (
                  <option key={each.code} value={each.code}>
                    {each.name}
                  </option>
                ))}
              </select>
            </label>
          )}
        </div>
      </div>
      {format === null && <p>{t("import.unknown")}</p>}
      {isTable(format) && !take.isSuccess && <Columns key={format} file={file} format={format satisfies TableFormat} mapping={mapping} apply={setMapping} />}
      {take.isPending && (
        <p role="status">
          {t("import.taking")} <progress aria-label={t("import.taking")} />
        </p>
      )}
      {dry.isError && take.data === undefined && dry.data === undefined && <Failed what={t("import.unreadable")} error={dry.error} retry={() => void dry.refetch()} />}
      {dry.isFetching && dry.data === undefined && <Skeleton width="100%" height="120px" />}
      {result !== undefined && format !== null && <Result result={result} />}
      {take.isError && (
        <p className="dialog-error" role="alert">
          {reasonOf(t, take.error)}
        </p>
      )}
      {!take.isSuccess && dry.data !== undefined && !dry.isError && (
        <div className="dialog-actions">
          <button type="button" className="button button-primary" disabled={take.isPending || dry.isFetching || !canBeTaken(dry.data)} onClick={() => { take.mutate(); }} data-testid="take-in">
            {t("import.take", { n: dry.data.documents.filter((each) => each.outcome !== "refused").length })}
          </button>
        </div>
      )}
    </section>
  );
}

function canBeTaken(found: Intake): boolean {
  return found.documents.some((each) => each.outcome !== "refused");
}

function Result({ result }: { result: Intake }): ReactElement {
  const t = useDesk();
  const refused = result.documents.filter((each) => each.outcome === "refused").length;
  return (
    <>
      <p aria-live="polite" data-testid={result.dry_run ? "dry-run" : "taken"}>
        <strong>{t(result.dry_run ? "import.would" : "import.did", { n: result.documents.length - refused })}</strong> {refused > 0 && t("import.refused", { n: refused })}
      </p>
      <Problems problems={result.problems} />
      <Taken documents={result.documents} problems={result.problems} />
    </>
  );
}
