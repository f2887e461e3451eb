import { useQueryClient } from "@tanstack/react-query";
import { Link, Navigate, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { useT } from "../i18n/staff.tsx";
import { useLive } from "../live/react.tsx";
import { forgetSession, usePermission, useSession } from "../session/session.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { ConnectionBadge } from "./connection.tsx";
import { Preferences } from "./preferences.tsx";
import { Shortcuts } from "./shortcuts.tsx";
import { useSites } from "./sites.ts";
import { Toasts } from "./toasts.tsx";

/** Leads to the sign-in page, once: the address changes on the way there, and must not count again. */
function ToSignIn({ from }: { from: string }): ReactElement {
  const navigate = useNavigate();
  const [next] = useState(from);
  useEffect(() => {
    void navigate({ to: "/login", search: { next }, replace: true });
  }, [navigate, next]);
  return <ShellSkeleton />;
}

/** The frame of every screen behind the sign-in. A wall shows the screen only. */
export function Shell(): ReactElement {
  const t = useT();
  const session = useSession();
  const address = useRouterState({ select: (state) => state.location.href });
  const wall = useRouterState({ select: (state) => (state.location.search as { wall?: unknown }).wall === 1 });
  if (session.isPending) return <ShellSkeleton />;
  if (session.isError && session.data === undefined) {
    return (
      <main className="page">
        <Failed what={t("error.session")} error={session.error} retry={() => void session.refetch()} />
      </main>
    );
  }
  if (session.data == null) return <ToSignIn from={address} />;
  if (wall) return <Outlet />;
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {t("nav.skip")}
      </a>
      <NavigationBar name={session.data.display_name} />
      <main id="content" className="page" tabIndex={-1}>
        <Outlet />
      </main>
      <Toasts />
    </div>
  );
}

function NavigationBar({ name }: { name: string }): ReactElement {
  const t = useT();
  const sites = useSites();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const live = useLive();
  const reads = usePermission("read");
  const mayOrder = usePermission("order");
  const seesOwn = usePermission("own_orders");
  const seesLetters = usePermission("dead_letters");
  const leave = async (): Promise<void> => {
    try {
      await api.signOut();
    } finally {
      live.stop();
      forgetSession(queries);
      await navigate({ to: "/login", search: {} });
    }
  };
  return (
    <header className="bar">
      <Link to="/" className="bar-brand" aria-label="gemba">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>gemba</span>
      </Link>
      <nav className="bar-links" aria-label={t("nav.label")}>
        {sites.data?.items.map((site) => (
          <Link key={site.code} to="/floor/$site" params={{ site: site.code }}>
            {sites.data.items.length > 1 ? site.name : t("nav.floor")}
          </Link>
        ))}
        {seesOwn && <Link to="/own">{t("nav.own")}</Link>}
        {reads && (
          <>
            <Link to="/orders">{t("nav.orders")}</Link>
            <Link to="/review">{t("nav.review")}</Link>
          </>
        )}
        {mayOrder && (
          <>
            <Link to="/promise">{t("nav.promise")}</Link>
            <Link to="/import">{t("nav.import")}</Link>
          </>
        )}
        {reads && (
          <>
            <Link to="/stock">{t("nav.stock")}</Link>
            <Link to="/plan">{t("nav.plan")}</Link>
            <Link to="/master-data">{t("nav.master_data")}</Link>
          </>
        )}
        {seesLetters && <Link to="/dead-letters">{t("nav.dead_letters")}</Link>}
      </nav>
      <div className="bar-end">
        <ConnectionBadge />
        <Shortcuts />
        <Preferences />
        <span className="bar-user">{name}</span>
        <button type="button" className="button button-quiet" onClick={() => void leave()}>
          {t("nav.sign_out")}
        </button>
      </div>
    </header>
  );
}

function ShellSkeleton(): ReactElement {
  const t = useT();
  return (
    <div className="shell" aria-busy="true">
      <header className="bar">
        <Skeleton width="120px" height="28px" />
      </header>
      <main className="page">
        <p className="hidden-words">{t("state.loading")}</p>
        <Skeleton width="240px" height="32px" />
      </main>
    </div>
  );
}

/** `/`: the first site's floor; a customer's own orders. */
export function HomePage(): ReactElement {
  const seesOwn = usePermission("own_orders");
  return seesOwn ? <Navigate to="/own" search={{}} replace /> : <FirstFloor />;
}

function FirstFloor(): ReactElement {
  const t = useT();
  const sites = useSites();
  if (sites.isError) return <Failed what={t("error.sites")} error={sites.error} retry={() => void sites.refetch()} />;
  if (sites.data === undefined) return <Skeleton width="240px" height="32px" />;
  const first = sites.data.items[0];
  if (first === undefined) {
    return (
      <div className="notice">
        <h2>{t("home.no_site.title")}</h2>
        <p>{t("home.no_site.text")}</p>
      </div>
    );
  }
  return <Navigate to="/floor/$site" params={{ site: first.code }} replace />;
}
