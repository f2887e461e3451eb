import { useEffect, useId, useRef, useState, type ReactElement } from "react";
import type { Definition } from "./envelope.ts";
import { useReportWords } from "./language.tsx";

/** The (i) beside a figure: what it means, how it is reckoned, by which source, in which version. */
export function Meaning({ of }: { of: readonly (Definition | undefined)[] }): ReactElement | null {
  const t = useReportWords();
  const [open, setOpen] = useState(false);
  const panel = useId();
  const root = useRef<HTMLSpanElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);
  const known = of.filter((each) => each !== undefined);
  const [first] = known;
  if (first === undefined) return null;
  return (
    <span ref={root} className="meaning">
      <button ref={button} type="button" className="meaning-button" aria-expanded={open} aria-controls={panel} aria-label={t("reports.meaning", { name: first.name })} onClick={() => { setOpen(!open); }} data-testid={`meaning-${first.code}`}>
        i
      </button>
      <span id={panel} className="meaning-panel" hidden={!open}>
        {known.map((each) => (
          <span key={each.code} className="meaning-one">
            <strong>{each.name}</strong>
            <span className="meaning-formula">{each.formula}</span>
            <span>{each.note}</span>
            <span className="faint">{each.source === "" ? t("reports.version", { version: each.version }) : t("reports.version_source", { version: each.version, source: each.source })}</span>
          </span>
        ))}
      </span>
    </span>
  );
}
