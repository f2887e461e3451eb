import type { ReactElement } from "react";
import { wordOf } from "../i18n/translator.ts";
import type { PlanTranslator } from "./language.tsx";

/** What a plan can be judged by. */
export const CRITERIA = ["tardiness", "makespan", "setup", "balance", "reassignment", "resequencing", "move"] as const;
/** What a rush order may displace. */
export const DISPLACEMENTS = ["nothing", "lower", "same", "any"] as const;
/** So many goals can be put one after the other; more say nothing that people could follow. */
const GOALS = 3;

/** The places for goals: those that a policy has, and the empty ones behind them. */
export function goalsOf(order: readonly string[] | undefined): string[] {
  return Array.from({ length: Math.max(GOALS, order?.length ?? 0) }, (_, place) => order?.[place] ?? "");
}

/** Goals as they are sent: without empty places; null where one stands twice. */
export function orderOf(goals: readonly string[]): string[] | null {
  const chosen = goals.filter((goal) => goal !== "");
  return new Set(chosen).size < chosen.length ? null : chosen;
}

/** What a plan is for, the most important first. */
export function Goals({ t, goals, change }: { t: PlanTranslator; goals: readonly string[]; change: (goals: string[]) => void }): ReactElement {
  return (
    <fieldset className="wish-goals">
      <legend>{t("wish.goals")}</legend>
      {goals.map((goal, place) => (
        <label key={place} className="field">
          <span>{t("wish.goal", { place: place + 1 })}</span>
          <select name={`wish-goal-${place + 1}`} value={goal} onChange={(event) => { change(goals.map((each, at) => (at === place ? event.target.value : each))); }}>
            <option value="">{place === 0 ? t("wish.by_weights") : t("wish.nothing_else")}</option>
            {CRITERIA.map((criterion) => (
              <option key={criterion} value={criterion}>
                {wordOf(t, "criterion", criterion)}
              </option>
            ))}
          </select>
        </label>
      ))}
    </fieldset>
  );
}

/** What a rush order may make end later. */
export function Displacement({ t, value, change }: { t: PlanTranslator; value: string; change: (value: string) => void }): ReactElement {
  return (
    <label className="field">
      <span>{t("wish.displacement")}</span>
      <select name="wish-displacement" value={value} onChange={(event) => { change(event.target.value); }}>
        {DISPLACEMENTS.map((rule) => (
          <option key={rule} value={rule}>
            {t(`displacement.${rule}`)}
          </option>
        ))}
      </select>
    </label>
  );
}
