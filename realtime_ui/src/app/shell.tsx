import { Navigate, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useState, type ReactElement } from "react";
import { AlarmStrip } from "../alarms/strip.tsx";
import { useT } from "../i18n/staff.tsx";
import { usePermission, useSession } from "../session/session.ts";
import { Failed, Skeleton } from "../ui/states.tsx";
import { NavigationBar } from "./navigation.tsx";
import { useSites } from "./sites.ts";
import { Toasts } from "./toasts.tsx";

/** Leads to the sign-in page, once: the address changes on the way there, and must not count again. */
function ToSignIn({ from }: { from: string }): ReactElement {
  const navigate = useNavigate();
  const [next] = useState(from);
  useEffect(() => {
    // Whoever signs out is on the way there already.
    if (!next.startsWith("/login")) void navigate({ to: "/login", search: { next }, replace: true });
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
      <div>
        <NavigationBar name={session.data.display_name} />
        <AlarmStrip />
      </div>
      <main id="content" className="page" tabIndex={-1}>
        <Outlet />
      </main>
      <Toasts />
    </div>
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
