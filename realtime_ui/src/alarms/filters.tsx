import { useEffect, useState, type ReactElement } from "react";
import { useSites } from "../app/sites.ts";
import { wordOf } from "../i18n/translator.ts";
import { Glyph } from "../ui/glyph.tsx";
import type { AlarmPriority } from "./api.ts";
import { useAlarms } from "./language.tsx";
import { PRIORITIES } from "./priorities.ts";
import { prioritiesOf } from "./search.ts";

const TYPING_MS = 250;

/** A field to search in: what was typed counts once the typing pauses. */
export function SearchField({ value, label, apply }: { value: string | undefined; label: string; apply: (words: string) => void }): ReactElement {
  const [words, setWords] = useState(value ?? "");
  useEffect(() => {
    if (words === (value ?? "")) return undefined;
    const timer = setTimeout(() => { apply(words); }, TYPING_MS);
    return () => { clearTimeout(timer); };
  });
  return (
    <label>
      <span className="hidden-words">{label}</span>
      <input type="search" name="search" placeholder={label} value={words} onChange={(event) => { setWords(event.target.value); }} />
    </label>
  );
}

export function SiteField({ value, apply }: { value: string | undefined; apply: (site: string) => void }): ReactElement | null {
  const t = useAlarms();
  const sites = useSites().data?.items ?? [];
  if (sites.length < 2) return null;
  return (
    <label>
      <span className="hidden-words">{t("orders.site")}</span>
      <select value={value ?? ""} onChange={(event) => { apply(event.target.value); }} data-testid="alarm-site">
        <option value="">{t("orders.all_sites")}</option>
        {sites.map((site) => (
          <option key={site.code} value={site.code}>
            {site.name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Which priorities are shown; none pressed: all of them. */
export function PriorityChips({ value, toggle }: { value: string | undefined; toggle: (priority: AlarmPriority) => void }): ReactElement {
  const t = useAlarms();
  const pressed = prioritiesOf(value) ?? [];
  return (
    <div className="chips" role="group" aria-label={t("alarms.priority")}>
      {PRIORITIES.map((priority) => (
        <button key={priority} type="button" className={`chip alarm-chip alarm-${priority}`} aria-pressed={pressed.includes(priority)} onClick={() => { toggle(priority); }} data-testid={`priority-${priority}`}>
          <Glyph name={`alarm_${priority}`} />
          {wordOf(t, "alarm_priority", priority)}
        </button>
      ))}
    </div>
  );
}
