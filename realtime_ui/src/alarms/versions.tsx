import type { ReactElement } from "react";
import { formatMoment } from "../i18n/format.ts";
import { useNow } from "../ui/clock.ts";
import type { DefinitionVersion } from "./api.ts";
import { differencesOf } from "./differences.ts";
import { useAlarms } from "./language.tsx";

/** Every version, newest first: who made it, why, and what it says differently. */
export function Versions({ versions }: { versions: readonly DefinitionVersion[] }): ReactElement {
  const t = useAlarms();
  const now = useNow();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <ol className="alarm-versions" data-testid="versions">
      {versions.map((version, place) => {
        const before = versions[place + 1];
        const differences = before === undefined || version.body === null || before.body === null ? [] : differencesOf(before.body, version.body);
        return (
          <li key={version.version}>
            <p>
              <strong>{t("alarms.rule_version", { n: version.version })}</strong> <span className="faint">{t("alarms.by_at", { name: version.made_by, when: formatMoment(t, Date.parse(version.made_at), now, zone) })}</span>
            </p>
            {version.reason !== null && <p>{version.reason}</p>}
            {version.body === null ? (
              <p className="faint">{t("alarms.body_gone")}</p>
            ) : before === undefined ? (
              <p className="faint">{t("alarms.first_version")}</p>
            ) : (
              <ul className="alarm-differences">
                {differences.map((each) => (
                  <li key={each.path}>
                    <code>{each.path}</code> {each.before !== null && <del>{each.before === "" ? "–" : each.before}</del>} {each.after !== null && <ins>{each.after === "" ? "–" : each.after}</ins>}
                  </li>
                ))}
              </ul>
            )}
          </li>
        );
      })}
    </ol>
  );
}
