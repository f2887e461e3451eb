import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Fragment, type ReactElement, type ReactNode } from "react";
import { Table, type Column } from "../desk/table.tsx";
import { formatMoment } from "../i18n/format.ts";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";
import { Empty, Failed, Skeleton } from "../ui/states.tsx";
import { alarmApi, type AlarmPriority, type Definition, type DefinitionKind } from "./api.ts";
import { PriorityBadge } from "./badge.tsx";
import { Editor, NEW } from "./editor.tsx";
import { AlarmRoom } from "./frame.tsx";
import { useDefinitions, useNames } from "./known.ts";
import { useAlarms } from "./language.tsx";
import { KINDS, type RulesSearch } from "./search.ts";
import { conditionLine, escalationLine } from "./sentences.ts";
import { TakeIn } from "./takein.tsx";
import { alarmName } from "./words.ts";

const route = getRouteApi("/shell/alarms/rules");

/** `/alarms/rules`: what is watched for, and who is told. */
export function AlarmRulesPage(): ReactElement {
  return (
    <AlarmRoom room="rules">
      <Rules />
    </AlarmRoom>
  );
}

function Rules(): ReactElement {
  const t = useAlarms();
  const search = route.useSearch();
  const navigate = useNavigate();
  const configures = usePermission("configure");
  const kind = search.kind ?? "rules";
  const back = (): void => { void navigate({ to: "/alarms/rules", search: { kind } }); };
  const to = (next: RulesSearch): RulesSearch => next;
  return (
    <>
      <div className="list-head">
        <nav className="tabs" aria-label={t("alarms.kinds")}>
          {KINDS.filter((each) => each !== "recipients" || configures).map((each) => (
            <Link key={each} to="/alarms/rules" search={to({ kind: each })} className="chip" data-status={each === kind && search.view === undefined ? "active" : undefined} activeOptions={{ exact: true, includeSearch: true }} data-testid={`kind-${each}`}>
              {wordOf(t, "alarm_definitions", each)}
            </Link>
          ))}
        </nav>
        {configures && (
          <div className="actions">
            <a className="button" href={alarmApi.exportAddress} download="alarms.yaml" data-testid="export-yaml">
              {t("alarms.export")}
            </a>
            <Link to="/alarms/rules" search={to({ kind, view: "import" })} className="button">
              {t("alarms.import")}
            </Link>
            <Link to="/alarms/rules" search={to({ kind, code: NEW })} className="button button-primary" data-testid="new">
              <Glyph name="plus" />
              {t(`alarm_new.${kind}`)}
            </Link>
          </div>
        )}
      </div>
      {search.view === "import" && configures ? (
        <TakeIn done={back} />
      ) : search.code !== undefined ? (
        <section className="card">
          <div className="card-head">
            <h2>{search.code === NEW ? t(`alarm_new.${kind}`) : search.code}</h2>
            <Link to="/alarms/rules" search={to({ kind })}>
              {t("alarms.back_to", { what: wordOf(t, "alarm_definitions", kind) })}
            </Link>
          </div>
          <Editor key={`${kind} ${search.code}`} kind={kind} code={search.code} close={back} />
        </section>
      ) : (
        <Definitions kind={kind} retired={search.retired === 1} />
      )}
    </>
  );
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const words = (value: unknown): string => (Array.isArray(value) ? value.map(String).join(", ") : "");

function Definitions({ kind, retired }: { kind: DefinitionKind; retired: boolean }): ReactElement {
  const t = useAlarms();
  const now = useNow();
  const navigate = useNavigate();
  const names = useNames();
  const found = useDefinitions(kind, retired);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (found.isError && found.data === undefined) return <Failed what={t("alarms.no_definition")} error={found.error} retry={() => void found.refetch()} />;
  if (found.data === undefined) return <Skeleton width="100%" height="320px" />;
  const columns: Column[] = [{ key: "name", label: t("alarms.name"), title: true }, ...COLUMNS[kind].map((key) => ({ key, label: wordOf(t, "alarm_field", key) })), { key: "changed", label: t("alarms.changed") }];
  const cell = (definition: Definition, key: string): ReactNode => {
    const value = definition.body[key];
    switch (key) {
      case "priority":
        return <PriorityBadge t={t} priority={(text(value) || "low") as AlarmPriority} />;
      case "condition":
        return conditionLine(t, value);
      case "where":
        return words(value) || t("alarms.everywhere");
      case "escalation":
        return text(value) === "" ? t("alarms.screens_only") : text(value);
      case "enabled":
        return t(definition.retired_at !== null ? "alarms.is_retired" : value === false ? "alarms.is_off" : "alarms.is_on");
      case "steps":
        return escalationLine(t, definition.body, names);
      case "layers":
        return Array.isArray(value) ? value.map((layer) => words((layer as Record<string, unknown>)["members"])).join("; ") : "";
      case "addresses":
        return Array.isArray(value) ? value.map((each) => `${wordOf(t, "alarm_channel", text((each as Record<string, unknown>)["channel"]))}: ${text((each as Record<string, unknown>)["to"])}`).join("; ") : "";
      case "language":
        return wordOf(t, "alarm_language", text(value) || "en");
      default:
        return text(value);
    }
  };
  return (
    <>
      <label className="check">
        <input type="checkbox" checked={retired} onChange={(event) => { void navigate({ to: "/alarms/rules", search: { kind, ...(event.target.checked ? { retired: 1 } : {}) }, replace: true }); }} />
        <span>{t("alarms.show_retired")}</span>
      </label>
      {found.data.items.length === 0 ? (
        <Empty title={t(`alarm_empty.${kind}`)}>
          <p>{t(`alarm_empty_text.${kind}`)}</p>
        </Empty>
      ) : (
        <Table
          label={wordOf(t, "alarm_definitions", kind)}
          testid={`definitions-${kind}`}
          columns={columns}
          rows={found.data.items.map((each) => ({
            key: each.code,
            ...(each.retired_at === null ? {} : { className: "alarm-retired" }),
            cells: [
              <Fragment key="name">
                <Link to="/alarms/rules" search={{ kind, code: each.code }}>
                  {kind === "rules" ? alarmName(t, { rule: each.code, name: text(each.body["name"]) }) : text(each.body["name"])}
                </Link>{" "}
                <span className="faint">{each.code}</span>
              </Fragment>,
              ...COLUMNS[kind].map((key) => cell(each, key)),
              <span key="changed" className="faint">
                {t("alarms.rule_version", { n: each.version })} · {t("alarms.by_at", { name: each.changed_by, when: formatMoment(t, Date.parse(each.changed_at), now, zone) })}
              </span>,
            ],
          }))}
        />
      )}
    </>
  );
}

const COLUMNS: Readonly<Record<DefinitionKind, readonly string[]>> = {
  rules: ["priority", "condition", "where", "escalation", "enabled"],
  escalations: ["steps"],
  rotas: ["layers", "time_zone"],
  recipients: ["addresses", "language", "user"],
};
