import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { Problem } from "../api/problem.ts";
import { Preferences } from "../app/preferences.tsx";
import { useT } from "../i18n/staff.tsx";
import { useLive } from "../live/react.tsx";
import { reasonOf } from "../ui/states.tsx";
import { signInProblem } from "./problem.ts";
import { SESSION } from "./session.ts";
import "./login.css";

/** A place of this site to go to after signing in; anything else is not followed. */
function insidePath(next: string | undefined): string {
  return next?.startsWith("/") === true && !next.startsWith("//") && !next.startsWith("/login") ? next : "/";
}

export function LoginPage(): ReactElement {
  const t = useT();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const live = useLive();
  const { next, problem } = useSearch({ from: "/login" });
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => api.signIn(name.trim(), password),
    onSuccess: async ({ user }) => {
      queries.setQueryData(SESSION, user);
      live.retry();
      await navigate({ href: insidePath(next), replace: true });
    },
  });
  const methods = useQuery({ queryKey: ["sign-in-methods"], queryFn: api.signInMethods, staleTime: 60_000 }).data;
  const oidc = methods?.oidc ?? null;
  const byPassword = methods?.password ?? true;
  const refused = signIn.error instanceof Problem && signIn.error.status === 401;
  return (
    <main className="login">
      <form
        className="login-card"
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate();
        }}
      >
        <div className="login-brand">
          <img src="/icon.svg" alt="" width="40" height="40" />
          <div>
            <h1>gemba</h1>
            <p className="faint">{t("login.title")}</p>
          </div>
        </div>
        {problem !== undefined && signIn.isIdle && (
          <p className="login-problem" role="alert" data-testid="login-problem">
            {signInProblem(t, problem, oidc?.name ?? "OpenID")}
          </p>
        )}
        {oidc !== null && (
          <a className="button button-primary button-wide" href={`${oidc.start}?next=${encodeURIComponent(insidePath(next))}`} data-testid="oidc">
            {t("login.with", { name: oidc.name })}
          </a>
        )}
        {byPassword && (
          <>
            {oidc !== null && <p className="faint login-or">{t("login.or")}</p>}
            <label className="field">
              <span>{t("login.name")}</span>
              <input name="name" autoComplete="username" autoCapitalize="none" spellCheck={false} required value={name} onChange={(event) => { setName(event.target.value); }} />
            </label>
            <label className="field">
              <span>{t("login.password")}</span>
              <input name="password" type="password" autoComplete="current-password" required value={password} onChange={(event) => { setPassword(event.target.value); }} />
            </label>
            <p className="login-error" role="alert">
              {signIn.isError ? (refused ? t("login.refused") : reasonOf(t, signIn.error)) : ""}
            </p>
            <button type="submit" className={oidc === null ? "button button-primary button-wide" : "button button-wide"} disabled={signIn.isPending}>
              {signIn.isPending ? t("login.waiting") : t("login.submit")}
            </button>
          </>
        )}
      </form>
      <Preferences />
    </main>
  );
}
