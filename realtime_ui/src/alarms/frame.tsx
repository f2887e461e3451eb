import { Link } from "@tanstack/react-router";
import type { ReactElement, ReactNode } from "react";
import { usePermission } from "../session/session.ts";
import { Forbidden, Skeleton } from "../ui/states.tsx";
import { AlarmWords, useAlarms } from "./language.tsx";
import "../orders/orders.css";
import "../desk/desk.css";
import "./alarms.css";

export type Room = "list" | "history" | "rates" | "rules" | "ways";

const ROOMS: readonly { room: Room; to: "/alarms" | "/alarms/history" | "/alarms/rates" | "/alarms/rules" | "/alarms/ways"; needs: "read" | "configure" }[] = [
  { room: "list", to: "/alarms", needs: "read" },
  { room: "history", to: "/alarms/history", needs: "read" },
  { room: "rates", to: "/alarms/rates", needs: "read" },
  { room: "rules", to: "/alarms/rules", needs: "read" },
  { room: "ways", to: "/alarms/ways", needs: "configure" },
];

/** The frame of all screens of alarms: their words, and the ways between them. */
export function AlarmRoom({ room, children }: { room: Room; children: ReactNode }): ReactElement {
  const may = { read: usePermission("read"), configure: usePermission("configure") };
  if (!may[ROOMS.find((each) => each.room === room)?.needs ?? "read"]) return <Forbidden />;
  return (
    <AlarmWords skeleton={<Skeleton width="100%" height="320px" />}>
      <div className="desk alarms">
        <Heading room={room} shown={ROOMS.filter((each) => may[each.needs])} />
        {children}
      </div>
    </AlarmWords>
  );
}

function Heading({ room, shown }: { room: Room; shown: typeof ROOMS }): ReactElement {
  const t = useAlarms();
  return (
    <header className="alarm-head">
      <h1>{t(`alarm_room.${room}`)}</h1>
      <nav className="tabs" aria-label={t("nav.alarms")}>
        {shown.map((each) => (
          <Link key={each.room} to={each.to} search={{}} className="chip" data-status={each.room === room ? "active" : undefined} aria-current={each.room === room ? "page" : undefined} activeOptions={{ exact: true, includeSearch: false }} activeProps={{}} data-testid={`alarms-${each.room}`}>
            {t(`alarm_tab.${each.room}`)}
          </Link>
        ))}
      </nav>
    </header>
  );
}
