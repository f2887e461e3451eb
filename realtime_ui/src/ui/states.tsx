import type { ReactElement, ReactNode } from "react";
import { Problem, Unreachable } from "../api/problem.ts";
import { useT } from "../i18n/staff.tsx";
import { Glyph } from "./glyph.tsx";
import { problemWords } from "./problems.ts";

/** A grey block where a value will be. */
export function Skeleton({ width, height }: { width: string; height: string }): ReactElement {
  return <span className="skeleton" style={{ width, height }} aria-hidden="true" />;
}

/** There is nothing here, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactElement {
  return (
    <div className="notice" data-testid="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** It did not work: what, why, and a way on. */
export function Failed({ what, error, retry }: { what: string; error: unknown; retry?: () => void }): ReactElement {
  const t = useT();
  if (error instanceof Problem && error.status === 403) return <Forbidden detail={error.detail} />;
  return (
    <div className="notice" role="alert" data-testid="failed">
      <h2>{what}</h2>
      <p>{reasonOf(t, error)}</p>
      {retry !== undefined && (
        <button type="button" className="button" onClick={retry}>
          {t("action.retry")}
        </button>
      )}
    </div>
  );
}

export function Forbidden({ detail }: { detail?: string }): ReactElement {
  const t = useT();
  return (
    <div className="notice" role="alert" data-testid="forbidden">
      <h2>{t("forbidden.title")}</h2>
      <p>{t("forbidden.text")}</p>
      {detail !== undefined && detail !== "" && <p className="faint">{detail}</p>}
    </div>
  );
}

/** Why something failed, in words for whoever reads the screen. */
export function reasonOf(t: ReturnType<typeof useT>, error: unknown): string {
  if (error instanceof Unreachable) return t("error.unreachable");
  if (error instanceof Problem) {
    if (error.status === 403 && error.code === "forbidden") return t("forbidden.text");
    const known = error.status < 500 && error.status !== 429 ? problemWords(t, error) : null;
    if (known !== null) return known;
    const fields = error.errors.map((field) => `${field.field}: ${field.problem}`).join("; ");
    const said = [error.detail === "" ? error.title : error.detail, fields].filter((part) => part !== "").join(" – ");
    if (error.status === 403) return t("forbidden.text");
    if (error.status === 404) return t("error.missing");
    if (error.status === 409) return t("error.conflict", { detail: said });
    if (error.status === 429) return t("error.too_many");
    if (error.status >= 500) return t("error.server", { status: error.status });
    return said === "" ? t("error.server", { status: error.status }) : said;
  }
  return t("error.unexpected");
}

/** A machine's or operation's state: colour, glyph and word. */
export function StateBadge({ state, word, act = false }: { state: string; word: string; act?: boolean }): ReactElement {
  return (
    <span className={`state state-${state}${act ? " act-now" : ""}`}>
      <Glyph name={state} />
      <span>{word}</span>
    </span>
  );
}
