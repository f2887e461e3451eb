import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { tell } from "../app/toasts.tsx";
import { Decision } from "../desk/decide.tsx";
import { usePermission, useSession } from "../session/session.ts";
import { Failed, reasonOf, Skeleton } from "../ui/states.tsx";
import { alarmApi, type Body, type DefinitionKind, type DefinitionWithVersions } from "./api.ts";
import { RotaCalendar } from "./calendar.tsx";
import { SchemaForm } from "./form.tsx";
import { DEFINITIONS, useChoices, useMachineCount, useNames, useSchemas } from "./known.ts";
import { useAlarms } from "./language.tsx";
import { blankOf, lean, schemaOf, type Schemas } from "./schema.ts";
import { escalationLine } from "./sentences.ts";
import { Trial, TRIED_DAYS, warningsOf, type Tried } from "./trial.tsx";
import { ALARMS } from "./urgent.ts";
import { Versions } from "./versions.tsx";
import { YamlView } from "./yamlview.tsx";
import { yamlOf } from "./yaml.ts";

const DAY_MS = 86_400_000;
export const NEW = "+";

interface EditorProps {
  kind: DefinitionKind;
  code: string;
  close: () => void;
}

/** A rule, escalation, rota or recipient: as a form, as YAML, and with its versions. */
export function Editor({ kind, code, close }: EditorProps): ReactElement {
  const t = useAlarms();
  const { schemas, error, retry } = useSchemas();
  const found = useQuery({ queryKey: [...DEFINITIONS, kind, "one", code], queryFn: () => alarmApi.definition(kind, code), enabled: code !== NEW });
  if (error !== null && schemas === undefined) return <Failed what={t("alarms.no_definition")} error={error} retry={retry} />;
  if (found.isError && found.data === undefined) return <Failed what={t("alarms.no_definition")} error={found.error} retry={() => void found.refetch()} />;
  if (schemas === undefined || (code !== NEW && found.data === undefined)) return <Skeleton width="100%" height="320px" />;
  return <Draft key={`${kind} ${code} ${found.data?.version ?? 0} ${found.data?.retired_at ?? ""}`} kind={kind} stored={code === NEW ? null : (found.data ?? null)} schemas={schemas} close={close} />;
}

type View = "form" | "yaml" | "versions";

interface DraftProps {
  kind: DefinitionKind;
  stored: DefinitionWithVersions | null;
  schemas: Schemas;
  close: () => void;
}

function Draft({ kind, stored, schemas, close }: DraftProps): ReactElement {
  const t = useAlarms();
  const schema = schemaOf(schemas, kind);
  const [body, setBody] = useState<Body>(() => ({ ...blankOf(schemas, schema), ...(stored?.body ?? {}) }));
  /** The text while it is edited; null: what the form says. Its body: null while it is wrong. */
  const [text, setText] = useState<{ text: string; right: boolean } | null>(null);
  const [view, setView] = useState<View>("form");
  const changes = usePermission("configure");
  const limited = (useSession().data?.sites.length ?? 0) > 0;
  const may = changes && !limited;
  const changed = stored?.retired_at !== null || JSON.stringify({ ...blankOf(schemas, schema), ...stored.body }) !== JSON.stringify(body);
  const show = (next: View): void => {
    if (next === "yaml") setText({ text: yamlOf(kind, { ...(stored === null ? {} : { code: stored.code }), ...lean(schemas, schema, body) }), right: true });
    setView(next);
  };
  return (
    <div className="alarm-editor" data-testid="editor">
      <nav className="tabs" aria-label={t("alarms.views")}>
        {(stored === null ? (["form", "yaml"] as const) : (["form", "yaml", "versions"] as const)).map((each) => (
          <button key={each} type="button" className="chip" aria-pressed={view === each} disabled={each === "form" && text?.right === false} onClick={() => { show(each); }} data-testid={`view-${each}`}>
            {t(`alarm_view.${each}`)}
          </button>
        ))}
      </nav>
      {stored?.retired_at != null && <p className="alarm-warning">{t("alarms.retired_text")}</p>}
      {view === "versions" && stored !== null && <Versions versions={stored.versions} />}
      {view === "yaml" && text !== null && (
        <YamlView
          kind={kind}
          code={stored?.code ?? null}
          text={text.text}
          read={(next, read) => {
            setText({ text: next, right: read !== null });
            if (read !== null) setBody(read);
          }}
        />
      )}
      {view === "form" && <Form kind={kind} stored={stored} schemas={schemas} body={body} change={setBody} may={may} />}
      {view !== "versions" && <Beside kind={kind} body={body} />}
      {view !== "versions" && may && <Save kind={kind} stored={stored} body={body} ready={changed && (view !== "yaml" || text?.right === true)} close={close} />}
      {changes && limited && <p className="faint">{t("alarms.limited")}</p>}
    </div>
  );
}

function Form({ kind, stored, schemas, body, change, may }: { kind: DefinitionKind; stored: DefinitionWithVersions | null; schemas: Schemas; body: Body; change: (body: Body) => void; may: boolean }): ReactElement {
  const choices = useChoices(stored?.code ?? "");
  const zone = typeof body["time_zone"] === "string" && Intl.supportedValuesOf("timeZone").includes(body["time_zone"]) ? body["time_zone"] : "UTC";
  return (
    <fieldset className="alarm-fields" disabled={!may}>
      <SchemaForm schemas={schemas} schema={schemaOf(schemas, kind)} value={body} change={change} choices={choices} without={stored === null ? [] : ["code"]} zone={zone} />
    </fieldset>
  );
}

/** What a definition amounts to, in words or as a picture. */
function Beside({ kind, body }: { kind: DefinitionKind; body: Body }): ReactElement | null {
  const t = useAlarms();
  const names = useNames();
  if (kind === "rotas") return <RotaCalendar rota={{ ...body, code: "draft", name: "draft" }} names={names} />;
  if (kind === "escalations") return <p className="alarm-response" data-testid="escalation-line">{escalationLine(t, body, names)}</p>;
  return null;
}

/** Look at last week first, then put into force, for a reason. */
function Save({ kind, stored, body, ready, close }: { kind: DefinitionKind; stored: DefinitionWithVersions | null; body: Body; ready: boolean; close: () => void }): ReactElement {
  const t = useAlarms();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const machines = useMachineCount(body["where"]);
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState<(Tried & { of: string }) | null>(null);
  const [retiring, setRetiring] = useState(false);
  const of = JSON.stringify(body);
  const code = stored?.code ?? (typeof body["code"] === "string" ? body["code"] : "");
  const standing = stored !== null && stored.retired_at === null;
  const after = (): Promise<unknown> => Promise.all([queries.invalidateQueries({ queryKey: DEFINITIONS }), queries.invalidateQueries({ queryKey: ALARMS })]);
  const trial = useMutation({
    mutationFn: async (): Promise<Tried & { of: string }> => {
      const end = Math.floor(Date.now() / 1_000) * 1_000;
      const start = end - TRIED_DAYS * DAY_MS;
      try {
        return { result: await alarmApi.tryRule({ ...body, code }, new Date(start).toISOString(), new Date(end).toISOString()), error: null, start, end, of };
      } catch (error) {
        return { result: null, error, start, end, of };
      }
    },
    onSuccess: setTried,
  });
  const save = useMutation({
    mutationFn: () => alarmApi.put(kind, code, body, standing ? stored.version : null, reason.trim()),
    onSuccess: (now) => {
      tell(t("alarms.saved", { code: now.code, n: now.version }));
      void navigate({ to: "/alarms/rules", search: { kind, code: now.code } });
    },
    onSettled: after,
  });
  const isRule = kind === "rules";
  const looked = !isRule || tried?.of === of;
  const warned = isRule && looked && tried?.result != null && warningsOf(tried.result, machines).length > 0;
  return (
    <form
      className="alarm-save"
      onSubmit={(event) => {
        event.preventDefault();
        if (looked) save.mutate();
        else trial.mutate();
      }}
    >
      {isRule && looked && tried !== null && <Trial tried={tried} machines={machines} zone={Intl.DateTimeFormat().resolvedOptions().timeZone} />}
      <label className="field">
        <span>{t("alarms.change_reason")}</span>
        <input name="reason" maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
      </label>
      <p className="dialog-error" role="alert">
        {save.error === null ? "" : reasonOf(t, save.error)}
      </p>
      <div className="dialog-actions">
        {standing && (
          <button type="button" className="button button-quiet" onClick={() => { setRetiring(true); }} data-testid="retire">
            {t("alarms.retire")}
          </button>
        )}
        <button type="button" className="button" onClick={close}>
          {t("action.back")}
        </button>
        {isRule && (
          <button type="button" className={looked ? "button" : "button button-primary"} disabled={trial.isPending} onClick={() => { trial.mutate(); }} data-testid="try">
            {t(trial.isPending ? "alarms.trying" : "alarms.try")}
          </button>
        )}
        <button type="submit" className={looked && !warned ? "button button-primary" : "button"} disabled={!ready || !looked || save.isPending} title={looked ? undefined : t("alarms.try_first")} data-testid="save">
          {t(warned ? "alarms.save_anyway" : "alarms.save")}
        </button>
      </div>
      {isRule && !looked && ready && <p className="faint">{t("alarms.try_first")}</p>}
      {retiring && stored !== null && (
        <Decision
          title={t("alarms.retire_title", { code: stored.code })}
          text={t("alarms.retire_text")}
          reason="optional"
          danger
          action={t("alarms.retire")}
          done={t("alarms.retired", { code: stored.code })}
          run={(why) => alarmApi.retire(kind, stored.code, why)}
          after={after}
          close={() => { setRetiring(false); }}
        />
      )}
    </form>
  );
}
