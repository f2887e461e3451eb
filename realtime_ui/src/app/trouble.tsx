import { Link, type ErrorComponentProps } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { useT } from "../i18n/staff.tsx";
import { Empty } from "../ui/states.tsx";

export function Missing(): ReactElement {
  const t = useT();
  return (
    <main className="page">
      <Empty title={t("missing.title")}>
        <p>{t("missing.text")}</p>
        <Link to="/" className="button">
          {t("missing.home")}
        </Link>
      </Empty>
    </main>
  );
}

/** A part of the page broke, or could not be loaded (a new version, no network). */
export function Broken({ error }: ErrorComponentProps): ReactElement {
  const t = useT();
  return (
    <div className="notice" role="alert">
      <h2>{t("broken.title")}</h2>
      <p>{t("broken.text")}</p>
      {error instanceof Error && <p className="faint">{error.message}</p>}
      <button type="button" className="button" onClick={() => { location.reload(); }}>
        {t("broken.reload")}
      </button>
    </div>
  );
}
