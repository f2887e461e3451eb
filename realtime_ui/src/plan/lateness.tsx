import type { ReactElement } from "react";
import { Glyph } from "../ui/glyph.tsx";
import type { PlanTranslator } from "./language.tsx";
import { latenessWords } from "./words.ts";

const LATE_MINUTES = 5;

/** How late or early, in words; late work has the mark that it has on the floor. */
export function LatenessMark({ t, minutes }: { t: PlanTranslator; minutes: number | null }): ReactElement | null {
  const words = latenessWords(t, minutes);
  if (words === null || minutes === null) return null;
  const late = minutes > LATE_MINUTES;
  return (
    <span className={late ? "plan-late" : "faint"}>
      {late && <Glyph name="late" />}
      {words}
    </span>
  );
}
