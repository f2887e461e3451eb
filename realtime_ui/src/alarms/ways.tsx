import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { usePermission } from "../session/session.ts";
import type { Alarm } from "./api.ts";
import { useAlarms } from "./language.tsx";

/** The ways from an alarm to where its cause is seen, and to the rule that raised it. */
export function Ways({ alarm }: { alarm: Alarm }): ReactElement {
  const t = useAlarms();
  return (
    <ul className="alarm-ways">
      {alarm.site !== null && (alarm.subject_kind === "machine" || alarm.subject_kind === "line" || alarm.subject_kind === "site") && (
        <li>
          <Link to="/floor/$site" params={{ site: alarm.site }} className="button button-small">
            {t("alarm_way.floor")}
          </Link>
        </li>
      )}
      <Cause alarm={alarm} />
      <li>
        <Link to="/alarms/rules" search={{ kind: "rules", code: alarm.rule }} className="button button-small" data-testid="alarm-rule">
          {t("alarm_way.rule")}
        </Link>
      </li>
    </ul>
  );
}

function Cause({ alarm }: { alarm: Alarm }): ReactElement | null {
  const t = useAlarms();
  const operates = usePermission("operate");
  const letters = usePermission("dead_letters");
  switch (alarm.subject_kind) {
    case "machine":
      return operates ? (
        <li>
          <Link to="/terminal/$" params={{ _splat: alarm.subject }} className="button button-small">
            {t("alarm_way.terminal")}
          </Link>
        </li>
      ) : null;
    case "order":
      return (
        <>
          <li>
            <Link to="/orders/$number" params={{ number: alarm.subject }} className="button button-small" data-testid="alarm-order">
              {t("alarm_way.order")}
            </Link>
          </li>
          {alarm.site !== null && (
            <li>
              <Link to="/plan" search={{ scope: alarm.site, order: alarm.subject, why: alarm.subject }} className="button button-small">
                {t("alarm_way.why")}
              </Link>
            </li>
          )}
        </>
      );
    case "item":
      return (
        <li>
          <Link to="/stock" search={{ tab: "shortages", item: alarm.subject.split("/").slice(1).join("/"), ...(alarm.site === null ? {} : { site: alarm.site }) }} className="button button-small">
            {t("alarm_way.item")}
          </Link>
        </li>
      );
    case "scope":
      return (
        <li>
          <Link to="/plan" search={{ scope: alarm.subject }} className="button button-small">
            {t("alarm_way.plan")}
          </Link>
        </li>
      );
    case "site":
      return letters ? (
        <li>
          <Link to="/dead-letters" search={{ site: alarm.subject }} className="button button-small">
            {t("alarm_way.letters")}
          </Link>
        </li>
      ) : null;
    case "line":
    case "gateway":
      return null;
  }
}
