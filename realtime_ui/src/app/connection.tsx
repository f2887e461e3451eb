import type { ReactElement } from "react";
import { useT } from "../i18n/staff.tsx";
import { formatDuration } from "../i18n/format.ts";
import { useConnection, useLive, useStaleness } from "../live/react.tsx";
import { useSeconds } from "../ui/clock.ts";
import { Glyph } from "../ui/glyph.tsx";

/** Whether what is on the screen is true now, and if not, how old it is. */
export function ConnectionBadge(): ReactElement {
  const t = useT();
  const live = useLive();
  const connection = useConnection();
  const now = useSeconds();
  const age = useStaleness(now);
  if (connection.phase === "idle") return <span className="connection" />;
  if (connection.phase === "live") {
    return (
      <span className="connection connection-live" data-testid="connection" data-phase="live" role="status">
        <span className="dot" />
        {t("connection.live")}
      </span>
    );
  }
  const text = age === null ? t("connection.connecting") : t("connection.stale", { age: formatDuration(t, age) });
  return (
    <button type="button" className="connection connection-lost" data-testid="connection" data-phase={connection.phase} onClick={() => { live.retry(); }} title={t("connection.retry")}>
      <Glyph name="offline" />
      {text}
    </button>
  );
}
