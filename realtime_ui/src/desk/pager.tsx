import { Link, type LinkProps } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { useDesk } from "./language.tsx";

/** Ways to the pages before and after; nothing when there is one page only. */
export function Pager({ total, rows, page, to }: { total: number; rows: number; page: number; to: (page: number) => LinkProps }): ReactElement | null {
  const t = useDesk();
  const pages = Math.ceil(total / rows);
  if (pages <= 1) return null;
  return (
    <nav className="pager" aria-label={t("letters.pages")}>
      {page > 0 && (
        <Link {...to(page - 1)} className="button">
          {t("desk.before")}
        </Link>
      )}
      <span>{t("floor.page", { page: page + 1, pages })}</span>
      {page + 1 < pages && (
        <Link {...to(page + 1)} className="button">
          {t("desk.after")}
        </Link>
      )}
    </nav>
  );
}
