import type { StaffTranslator } from "../i18n/staff.tsx";

const FAMILY = "oidc-";

/** Why signing in with the provider ended at the sign-in page (`?problem=oidc-<why>`), in words; by its code where we have none. */
export function signInProblem(t: StaffTranslator, problem: string, provider: string): string {
  const why = problem.startsWith(FAMILY) ? problem.slice(FAMILY.length).replaceAll("-", "_") : "";
  const key = `login.problem.${why}`;
  if (why !== "other" && t.has(key)) return (t as unknown as (key: string, values: { name: string }) => string)(key, { name: provider });
  return t("login.problem.other", { name: provider, code: problem.slice(0, 60) });
}
