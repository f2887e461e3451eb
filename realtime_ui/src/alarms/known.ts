import { useQuery } from "@tanstack/react-query";
import { api } from "../api/endpoints.ts";
import { useSites } from "../app/sites.ts";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { alarmApi, type Definition, type DefinitionKind } from "./api.ts";
import type { Choices } from "./form.tsx";
import { useAlarms } from "./language.tsx";
import type { Schemas } from "./schema.ts";
import type { Names } from "./sentences.ts";

const KEPT_MS = 300_000;
const ON_CALL = "on-call:";
const STATES = ["running", "idle", "setup", "down", "planned_stop", "offline"];

export const DEFINITIONS = ["alarm-definitions"] as const;

export function useDefinitions(kind: DefinitionKind, retired = false): ReturnType<typeof useQuery<Awaited<ReturnType<typeof alarmApi.definitions>>>> {
  const configures = usePermission("configure");
  return useQuery({ queryKey: [...DEFINITIONS, kind, retired], queryFn: () => alarmApi.definitions(kind, retired), enabled: kind !== "recipients" || configures });
}

/** What definitions are like; it changes with the server's version only. */
export function useSchemas(): { schemas: Schemas | undefined; error: unknown; retry: () => void } {
  const schema = useQuery({ queryKey: ["alarm-schema"], queryFn: alarmApi.schema, staleTime: KEPT_MS });
  return { schemas: schema.data as Schemas | undefined, error: schema.error, retry: () => void schema.refetch() };
}

const nameIn = (definition: Definition): string => (typeof definition.body["name"] === "string" ? definition.body["name"] : definition.code);

/** What people are called by their codes, and rotas by `on-call:<code>`. */
export function useNames(): Names {
  const [rotas, people] = [useDefinitions("rotas").data?.items ?? [], useDefinitions("recipients").data?.items ?? []];
  return new Map([...rotas.map((each) => [`${ON_CALL}${each.code}`, nameIn(each)] as const), ...people.map((each) => [each.code, nameIn(each)] as const)]);
}

/** What the fields of definitions can be chosen from. */
export function useChoices(own: string): Choices {
  const t = useAlarms();
  const said = (definitions: readonly Definition[] | undefined): Choices[string] => (definitions ?? []).filter((each) => each.code !== own).map((each) => ({ value: each.code, label: `${nameIn(each)} (${each.code})` }));
  const rules = said(useDefinitions("rules").data?.items);
  const people = said(useDefinitions("recipients").data?.items);
  const rotas = said(useDefinitions("rotas").data?.items);
  const escalations = said(useDefinitions("escalations").data?.items);
  const sites = useSites().data?.items;
  const machines = useQuery({ queryKey: ["machines"], queryFn: api.machines, staleTime: KEPT_MS }).data?.items;
  const places = new Set((machines ?? []).flatMap(({ machine }) => machine.split("/").map((_, depth, parts) => parts.slice(0, depth + 1).join("/"))));
  for (const site of sites ?? []) places.add(site.code);
  const plain = (words: Iterable<string>): Choices[string] => [...words].sort().map((value) => ({ value, label: value }));
  return {
    suppressed_by: rules,
    escalation: escalations,
    members: people,
    member: people,
    tell: [...people, ...rotas.map((each) => ({ value: `${ON_CALL}${each.value}`, label: t("alarms.on_call_of", { rota: each.label }) }))],
    where: plain(places),
    time_zone: plain(Intl.supportedValuesOf("timeZone")),
    states: STATES.map((value) => ({ value, label: wordOf(t, "state", value) })),
  };
}

/** How many machines there are where a rule watches. */
export function useMachineCount(where: unknown): number {
  const machines = useQuery({ queryKey: ["machines"], queryFn: api.machines, staleTime: KEPT_MS }).data?.items ?? [];
  const places = Array.isArray(where) ? where.map(String) : [];
  return places.length === 0 ? machines.length : machines.filter(({ machine }) => places.some((place) => machine === place || machine.startsWith(`${place}/`))).length;
}
