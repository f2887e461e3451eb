import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { tell } from "../app/toasts.tsx";
import { wordOf } from "../i18n/translator.ts";
import { FormFoot } from "../ui/dialog.tsx";
import type { Body } from "./api.ts";
import { delivery, type NotificationWay, type WayKind } from "./deliveryapi.ts";
import { SchemaForm } from "./form.tsx";
import { useAlarms } from "./language.tsx";
import { WAYS_READ } from "./queries.ts";
import { blankOf, resolved, type Schema, type Schemas } from "./schema.ts";

function schemaOf(kind: WayKind): { schemas: Schemas; schema: Schema } {
  const schemas = kind.settings as unknown as Schemas & Schema;
  return { schemas, schema: resolved(schemas, schemas) };
}

/** A way with its settings; of its secrets only whether they are set. */
export function WayEditor({ kinds, way, close }: { kinds: readonly WayKind[]; way: NotificationWay | null; close: () => void }): ReactElement {
  const t = useAlarms();
  const queries = useQueryClient();
  // Notifications in browsers are made by the program itself.
  const offered = kinds.filter((each) => each.kind !== "web_push");
  const [kind, setKind] = useState(way?.kind ?? offered[0]?.kind ?? "");
  const chosen = kinds.find((each) => each.kind === kind);
  const [code, setCode] = useState(way?.code ?? "");
  const [name, setName] = useState(way?.name ?? "");
  const [enabled, setEnabled] = useState(way?.enabled ?? true);
  const [rank, setRank] = useState(way?.rank ?? 100);
  const [prefixes, setPrefixes] = useState(way?.prefixes.join(", ") ?? "");
  const [settings, setSettings] = useState<Body>(() => (chosen === undefined ? {} : { ...blankOf(schemaOf(chosen).schemas, schemaOf(chosen).schema), ...(way?.settings ?? {}) }));
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const save = useMutation({
    mutationFn: () =>
      delivery.putWay(code.trim(), {
        name: name.trim(),
        kind,
        enabled,
        rank,
        prefixes: prefixes.split(",").map((each) => each.trim()).filter((each) => each !== ""),
        settings,
        secrets: Object.fromEntries(Object.entries(secrets).filter(([, value]) => value !== "")),
        ...(way === null ? {} : { version: way.version }),
      }),
    onSuccess: (now) => {
      tell(t("alarms.way_saved", { name: now.name }));
      close();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: WAYS_READ }),
  });
  const choose = (next: string): void => {
    setKind(next);
    setSecrets({});
    const found = kinds.find((each) => each.kind === next);
    if (found !== undefined) setSettings(blankOf(schemaOf(found).schemas, schemaOf(found).schema));
  };
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
      data-testid="way-editor"
    >
      <h2>{way === null ? t("alarms.new_way") : way.name}</h2>
      <div className="alarm-form">
        <label className="field alarm-field">
          <span>{t("alarms.way_kind")}</span>
          <select name="kind" value={kind} disabled={way !== null} onChange={(event) => { choose(event.target.value); }}>
            {(way === null ? offered : kinds).map((each) => (
              <option key={each.kind} value={each.kind}>
                {wordOf(t, "alarm_channel", each.channel)}: {wordOf(t, "alarm_way_kind", each.kind)}
              </option>
            ))}
          </select>
        </label>
        <label className="field alarm-field">
          <span>{t("alarm_field.code")}</span>
          <input name="code" required pattern="[a-z0-9][a-z0-9_.\-]{0,99}" disabled={way !== null} value={code} onChange={(event) => { setCode(event.target.value); }} />
          <small>{chosen?.named === true ? t("alarms.way_code_named") : t("alarm_hint.code")}</small>
        </label>
        <label className="field alarm-field">
          <span>{t("alarm_field.name")}</span>
          <input name="name" required maxLength={200} value={name} onChange={(event) => { setName(event.target.value); }} />
        </label>
        <label className="field alarm-field">
          <span>{t("alarms.way_rank")}</span>
          <input name="rank" type="number" required min={0} max={10_000} value={rank} onChange={(event) => { setRank(event.target.valueAsNumber || 0); }} />
          <small>{t("alarms.way_rank_text")}</small>
        </label>
        <label className="field alarm-field">
          <span>{t("alarms.way_prefixes")}</span>
          <input name="prefixes" value={prefixes} onChange={(event) => { setPrefixes(event.target.value); }} />
          <small>{t("alarms.way_prefixes_text")}</small>
        </label>
        <label className="check alarm-field">
          <input type="checkbox" name="enabled" checked={enabled} onChange={(event) => { setEnabled(event.target.checked); }} />
          <span>{t("alarm_field.enabled")}</span>
        </label>
      </div>
      {chosen !== undefined && (
        <>
          <h3>{t("alarms.way_settings")}</h3>
          <SchemaForm key={kind} schemas={schemaOf(chosen).schemas} schema={schemaOf(chosen).schema} value={settings} change={setSettings} choices={{}} zone="UTC" />
          {chosen.secrets.length > 0 && (
            <div className="alarm-form">
              {chosen.secrets.map((secret) => (
                <label key={secret} className="field alarm-field">
                  <span>{wordOf(t, "alarm_field", secret)}</span>
                  <input type="password" name={secret} autoComplete="new-password" value={secrets[secret] ?? ""} placeholder={way?.secrets.includes(secret) === true ? t("alarms.secret_set") : ""} onChange={(event) => { setSecrets({ ...secrets, [secret]: event.target.value }); }} />
                  <small>{t("alarms.secret_text")}</small>
                </label>
              ))}
            </div>
          )}
        </>
      )}
      <FormFoot error={save.error} waiting={save.isPending} action={t("alarms.save_way")} close={close} />
    </form>
  );
}
