import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { tell } from "../app/toasts.tsx";
import { Table } from "../desk/table.tsx";
import { wordOf } from "../i18n/translator.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Failed, reasonOf, Skeleton } from "../ui/states.tsx";
import { delivery, type Template, type TemplateWords } from "./deliveryapi.ts";
import { useAlarms } from "./language.tsx";
import { WAYS_READ } from "./queries.ts";

const TYPING_MS = 400;

const keyOf = (template: Template): string => `${template.name}/${template.language}`;

/** The words of messages, in both languages; one of them open to be changed. */
export function TemplateList({ code }: { code: string | undefined }): ReactElement {
  const t = useAlarms();
  const templates = useQuery({ queryKey: [...WAYS_READ, "templates"], queryFn: delivery.templates });
  if (templates.isError && templates.data === undefined) return <Failed what={t("alarms.no_templates")} error={templates.error} retry={() => void templates.refetch()} />;
  if (templates.data === undefined) return <Skeleton width="100%" height="240px" />;
  const chosen = templates.data.items.find((each) => keyOf(each) === code);
  if (chosen !== undefined) return <TemplateEditor key={`${keyOf(chosen)} ${chosen.version}`} template={chosen} />;
  return (
    <Table
      label={t("alarm_delivery.templates")}
      testid="templates"
      columns={[{ key: "name", label: t("alarms.template"), title: true }, { key: "language", label: t("alarm_field.language") }, { key: "subject", label: t("alarms.subject") }, { key: "state", label: t("alarms.state") }]}
      rows={templates.data.items.map((each) => ({
        key: keyOf(each),
        cells: [
          <Link key="name" to="/alarms/ways" search={{ tab: "templates", code: keyOf(each) }}>
            {wordOf(t, "alarm_template", each.name)}
          </Link>,
          wordOf(t, "alarm_language", each.language),
          each.words.subject,
          each.problem !== null ? t("alarms.template_broken", { problem: each.problem }) : each.changed ? t("alarms.template_own", { name: each.changed_by ?? "–" }) : t("alarms.template_built_in"),
        ],
      }))}
    />
  );
}

const PARTS = ["subject", "text", "short"] as const;

function TemplateEditor({ template }: { template: Template }): ReactElement {
  const t = useAlarms();
  const queries = useQueryClient();
  const [words, setWords] = useState<TemplateWords>(template.words);
  const [asked, setAsked] = useState(words);
  const [reason, setReason] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => { setAsked(words); }, TYPING_MS);
    return () => { clearTimeout(timer); };
  }, [words]);
  const preview = useQuery({ queryKey: [...WAYS_READ, "preview", keyOf(template), asked], queryFn: () => delivery.preview(template.name, template.language, asked), placeholderData: (before) => before, staleTime: Infinity });
  const save = useMutation({
    mutationFn: (next: TemplateWords | null) => delivery.putTemplate(template.name, template.language, next, template.version, reason.trim()),
    onSuccess: () => { tell(t("alarms.template_saved")); },
    onSettled: () => queries.invalidateQueries({ queryKey: WAYS_READ }),
  });
  const faults = preview.data?.faults ?? [];
  const current = preview.data !== undefined && asked === words && !preview.isFetching;
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(words);
      }}
      data-testid="template-editor"
    >
      <div className="card-head">
        <div>
          <h2>
            {wordOf(t, "alarm_template", template.name)} <span className="faint">{wordOf(t, "alarm_language", template.language)}</span>
          </h2>
          <p className="faint">{t("alarms.template_text")}</p>
        </div>
        <Link to="/alarms/ways" search={{ tab: "templates" }}>
          {t("alarms.back_to", { what: t("alarm_delivery.templates") })}
        </Link>
      </div>
      {template.problem !== null && <p className="alarm-warning">{t("alarms.template_broken", { problem: template.problem })}</p>}
      <div className="template-columns">
        <div className="alarm-save">
          {PARTS.map((part) => (
            <label key={part} className="field">
              <span>{t(`alarm_part.${part}`)}</span>
              {part === "subject" ? <input name={part} required maxLength={300} value={words[part]} onChange={(event) => { setWords({ ...words, [part]: event.target.value }); }} /> : <textarea name={part} required rows={part === "text" ? 12 : 3} value={words[part]} onChange={(event) => { setWords({ ...words, [part]: event.target.value }); }} />}
            </label>
          ))}
          <details>
            <summary>{t("alarms.placeholders")}</summary>
            <dl className="alarm-facts">
              {template.fields.map((field) => (
                <div key={field.name}>
                  <dt>
                    <code>{`{${field.name}}`}</code>
                  </dt>
                  <dd>
                    {field.about} <span className="faint">{field.sample}</span>
                  </dd>
                </div>
              ))}
            </dl>
          </details>
        </div>
        <section aria-label={t("alarms.preview")} data-testid="template-preview">
          <h3>{t("alarms.preview")}</h3>
          {faults.length > 0 && (
            <ul className="alarm-warning" role="status" data-testid="template-faults">
              {faults.map((fault) => (
                <li key={`${fault.part} ${fault.placeholder ?? ""} ${fault.problem}`}>
                  <Glyph name="alarm_high" /> {wordOf(t, "alarm_part", fault.part)}: {fault.problem}
                </li>
              ))}
            </ul>
          )}
          {preview.data !== undefined && (
            <>
              <p>
                <strong>{preview.data.subject ?? "–"}</strong>
              </p>
              <pre className="template-text">{preview.data.text ?? "–"}</pre>
              <p className="faint">{t("alarm_part.short")}{preview.data.parts !== null && ` · ${t("alarms.parts", { n: preview.data.parts, cut: preview.data.cut ? "yes" : "no" })}`}</p>
              <pre className="template-text">{preview.data.short ?? "–"}</pre>
            </>
          )}
          {preview.isError && <p role="alert">{reasonOf(t, preview.error)}</p>}
        </section>
      </div>
      <label className="field">
        <span>{t("alarms.change_reason")}</span>
        <input name="reason" maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
      </label>
      <p className="dialog-error" role="alert">
        {save.error === null ? "" : reasonOf(t, save.error)}
      </p>
      <div className="dialog-actions">
        {template.changed && (
          <button type="button" className="button" disabled={save.isPending} onClick={() => { save.mutate(null); }}>
            {t("alarms.template_reset")}
          </button>
        )}
        <button type="submit" className="button button-primary" disabled={save.isPending || !current || faults.length > 0 || JSON.stringify(words) === JSON.stringify(template.words)} data-testid="template-save">
          {t("alarms.save_way")}
        </button>
      </div>
    </form>
  );
}
