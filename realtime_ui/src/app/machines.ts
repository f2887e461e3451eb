import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { api } from "../api/endpoints.ts";

const KEPT_MS = 300_000;

/** What a machine is called, by its path; the path's last part until that is known. */
export type MachineName = (path: string) => string;

export const lastPart: MachineName = (path) => path.split("/").at(-1) ?? path;

export function useMachineName(): MachineName {
  const machines = useQuery({ queryKey: ["machines"], queryFn: api.machines, staleTime: KEPT_MS }).data;
  return useCallback((path) => machines?.items.find((each) => each.machine === path)?.name ?? lastPart(path), [machines]);
}
