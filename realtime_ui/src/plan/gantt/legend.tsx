import { useSyncExternalStore, type CSSProperties, type ReactElement } from "react";
import { wordOf } from "../../i18n/translator.ts";
import { Glyph } from "../../ui/glyph.tsx";
import type { PlanTranslator } from "../language.tsx";
import type { PlanStore } from "../store.ts";
import { FAMILY_COLOURS } from "./palette.ts";
import { familiesOf, type Arrangement } from "./rows.ts";
import type { Colouring } from "./scene.ts";

function Key({ look, word, colour }: { look: string; word: string; colour?: string }): ReactElement {
  return (
    <li>
      <span className={`key key-${look}`} style={colour === undefined ? undefined : ({ "--key": colour } as CSSProperties)} aria-hidden="true">
        {look === "late" && <Glyph name="late" />}
        {look === "frozen" && <Glyph name="frozen" />}
        {look === "locked" && <Glyph name="locked" />}
        {look === "hold" && <Glyph name="on_hold" />}
      </span>
      {word}
    </li>
  );
}

/** What the colours and hatches of the chart mean. */
export function Legend({ store, t, arrangement, colouring, draft }: { store: PlanStore; t: PlanTranslator; arrangement: Arrangement; colouring: Colouring; draft: boolean }): ReactElement {
  const families = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => familiesOf(store.bars.values()).join("\n"),
  );
  const known = families === "" ? [] : families.split("\n");
  return (
    <ul className="legend" aria-label={t("chart.legend")}>
      {colouring === "family" ? (
        known.map((family) => <Key key={family} look="solid" word={family} colour={`var(--family-${((store.families.get(family) ?? 0) % FAMILY_COLOURS) + 1})`} />)
      ) : (
        <>
          <Key look="solid" word={t("legend.on_time")} colour="var(--gantt-on-time)" />
          <Key look="solid" word={t("legend.tight")} colour="var(--gantt-tight)" />
        </>
      )}
      <Key look="late" word={t("legend.late")} />
      <Key look="planned" word={t("legend.planned")} />
      <Key look="actual" word={t("legend.actual")} />
      <Key look="projected" word={t("legend.projected")} />
      <Key look="setup" word={t("legend.setup")} />
      <Key look="closed" word={t("legend.closed")} />
      <Key look="down" word={t("legend.down")} />
      {arrangement === "resource" && <Key look="away" word={t("legend.away")} />}
      {arrangement !== "order" && <Key look="load" word={t("legend.load")} />}
      <Key look="frozen" word={t("legend.frozen")} />
      {arrangement === "order" && <Key look="due" word={t("legend.due")} />}
      <Key look="locked" word={t("legend.locked")} />
      {draft && <Key look="draft" word={t("legend.draft")} />}
      <Key look="hold" word={wordOf(t, "stage", "on_hold")} />
    </ul>
  );
}
