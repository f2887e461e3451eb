import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useRouterState } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { useT } from "../i18n/staff.tsx";
import { useLive } from "../live/react.tsx";
import { PushSwitch } from "../push/switch.tsx";
import { forgetSession } from "../session/session.ts";
import { useNarrow } from "../ui/narrow.ts";
import { ConnectionBadge } from "./connection.tsx";
import { Menu } from "./menu.tsx";
import { Preferences } from "./preferences.tsx";
import { Shortcuts } from "./shortcuts.tsx";
import { useSites } from "./sites.ts";
import { useWays } from "./ways.ts";

/** The ways through the desk: a line of links, on a phone one menu; the floors of many sites are a menu of their own. */
export function NavigationBar({ name }: { name: string }): ReactElement {
  const t = useT();
  const narrow = useNarrow();
  const leave = useLeave();
  return (
    <header className="bar">
      <Link to="/" className="bar-brand" aria-label="gemba">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>gemba</span>
      </Link>
      <nav className="bar-links" aria-label={t("nav.label")}>
        {narrow ? (
          <Menu label={t("nav.menu")} glyph="menu" testid="menu">
            <Ways floors="listed" />
            <p className="menu-foot">
              <span className="faint">{name}</span>
              <button type="button" className="button" onClick={leave}>
                {t("nav.sign_out")}
              </button>
            </p>
          </Menu>
        ) : (
          <Ways floors="menu" />
        )}
      </nav>
      <div className="bar-end">
        <ConnectionBadge />
        <Shortcuts />
        <PushSwitch />
        <Preferences />
        {!narrow && (
          <>
            <span className="bar-user" title={name}>{name}</span>
            <button type="button" className="button button-quiet" onClick={leave}>
              {t("nav.sign_out")}
            </button>
          </>
        )}
      </div>
    </header>
  );
}

function useLeave(): () => void {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const live = useLive();
  return () => {
    void api.signOut().finally(() => {
      live.stop();
      forgetSession(queries);
      void navigate({ to: "/login", search: {} });
    });
  };
}

function Ways({ floors }: { floors: "menu" | "listed" }): ReactElement {
  const t = useT();
  const ways = useWays();
  return (
    <ul className="ways">
      {ways.map((way) => (
        <li key={way.to}>{way.to === "/" ? <Floors form={floors} /> : <Link to={way.to}>{t(way.name)}</Link>}</li>
      ))}
    </ul>
  );
}

/** One site: its floor. Several: their names, in a menu of their own or below a heading. */
function Floors({ form }: { form: "menu" | "listed" }): ReactElement | null {
  const t = useT();
  const sites = useSites().data?.items ?? [];
  const active = useRouterState({ select: (state) => state.location.pathname.startsWith("/floor/") });
  const [first] = sites;
  if (first === undefined) return null;
  if (sites.length === 1) {
    return (
      <Link to="/floor/$site" params={{ site: first.code }}>
        {t("nav.floor")}
      </Link>
    );
  }
  const links = (
    <ul className="ways" aria-label={t("nav.floor")}>
      {sites.map((site) => (
        <li key={site.code}>
          <Link to="/floor/$site" params={{ site: site.code }}>
            {site.name}
          </Link>
        </li>
      ))}
    </ul>
  );
  if (form === "menu") {
    return (
      <Menu label={t("nav.floor")} active={active} testid="sites">
        {links}
      </Menu>
    );
  }
  return (
    <>
      <p className="menu-heading" aria-hidden="true">{t("nav.floor")}</p>
      {links}
    </>
  );
}
