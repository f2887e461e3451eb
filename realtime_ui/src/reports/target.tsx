import { useMutation } from "@tanstack/react-query";
import { useId, useState, type ReactElement } from "react";
import { reasonOf } from "../ui/states.tsx";
import type { Unit } from "./charts/scale.ts";
import type { Definition } from "./envelope.ts";
import { useReportWords } from "./language.tsx";

const HOUR_MS = 3_600_000;

/** What people type for a value: percent, hours, or the number itself. */
export function shownOf(value: number | null, unit: Unit): string {
  if (value === null) return "";
  return String(Number((value * (unit === "percent" ? 100 : unit === "ms" ? 1 / HOUR_MS : 1)).toPrecision(9)));
}

/** The value of what somebody typed; null: no target; undefined: it is no number. A comma is a point. */
export function typedOf(text: string, unit: Unit): number | null | undefined {
  const said = text.trim().replace(",", ".");
  if (said === "") return null;
  if (!/^-?\d+(\.\d+)?$/.test(said)) return undefined;
  const typed = Number(said);
  if (unit === "percent") return Number((typed / 100).toPrecision(12));
  return unit === "ms" ? Math.round(typed * HOUR_MS) : typed;
}

interface FieldProps {
  definition: Definition;
  target: number | null;
  save: (target: number | null) => Promise<unknown>;
  close: () => void;
}

/** A target, typed where it stands: Enter keeps it, Escape leaves it, empty takes it away. */
export function TargetField({ definition, target, save, close }: FieldProps): ReactElement {
  const t = useReportWords();
  const { unit } = definition;
  const [text, setText] = useState(() => shownOf(target, unit));
  const problem = useId();
  const typed = typedOf(text, unit);
  const keep = useMutation({ mutationFn: save, onSuccess: close });
  const unitWords = unit === "percent" ? t("reports.target_percent") : unit === "ms" ? t("reports.target_hours") : "";
  const wrong = typed === undefined ? t("reports.target_wrong") : keep.isError ? reasonOf(t, keep.error) : "";
  return (
    <form
      className="target-field"
      onSubmit={(event) => {
        event.preventDefault();
        if (typed !== undefined) keep.mutate(typed);
      }}
    >
      <input
        // eslint-disable-next-line jsx-a11y/no-autofocus -- it stands where the button was that was just pressed
        autoFocus
        inputMode="decimal"
        name="target"
        value={text}
        aria-label={t("reports.target_of", { name: definition.name })}
        aria-invalid={typed === undefined}
        aria-describedby={problem}
        onChange={(event) => { setText(event.target.value); }}
        onKeyDown={(event) => {
          if (event.key === "Escape") close();
        }}
      />
      <span>{unitWords}</span>
      <button type="submit" className="button button-small" disabled={typed === undefined || keep.isPending}>
        {t("reports.target_save")}
      </button>
      <span id={problem} role="alert" className="target-problem">
        {wrong}
      </span>
    </form>
  );
}
