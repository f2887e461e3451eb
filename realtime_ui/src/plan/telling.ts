import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../api/endpoints.ts";
import { useZone } from "../app/sites.ts";
import { useNow } from "../ui/clock.ts";
import { usePlanWords } from "./language.tsx";
import { shortName, type Telling } from "./words.ts";

const KEPT_MS = 300_000;

/** What sentences about a scope's plan need; its sites share a clock, the first one's. */
export function useTelling(sites: readonly string[]): Telling {
  const t = usePlanWords();
  const now = useNow();
  const zone = useZone(sites[0] ?? "");
  const machines = useQuery({ queryKey: ["machines"], queryFn: api.machines, staleTime: KEPT_MS }).data;
  const names = useMemo(() => new Map(machines?.items.map((machine) => [machine.machine, machine.name])), [machines]);
  return useMemo(() => ({ t, now, zone, machine: (path) => names.get(path) ?? shortName(path) }), [t, now, zone, names]);
}
