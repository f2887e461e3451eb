import { useEffect, useRef, useState, type ReactElement } from "react";
import { Glyph } from "../ui/glyph.tsx";
import { reasonOf } from "../ui/states.tsx";
import { alarmApi, type Body, type DefinitionFault, type DefinitionKind } from "./api.ts";
import { useAlarms } from "./language.tsx";
import { placeIn } from "./yaml.ts";

const TYPING_MS = 400;
const FILE = "alarms.yaml";

interface YamlProps {
  kind: DefinitionKind;
  /** The code that must stay; null: a new one. */
  code: string | null;
  text: string;
  /** What the text means once it is right, and whether it is. */
  read: (text: string, body: Body | null) => void;
}

/** A definition as text; what is wrong is told at its line and column while one types. */
export function YamlView({ kind, code, text, read }: YamlProps): ReactElement {
  const t = useAlarms();
  const area = useRef<HTMLTextAreaElement>(null);
  const [faults, setFaults] = useState<readonly DefinitionFault[]>([]);
  const [problem, setProblem] = useState<unknown>(null);
  const [checked, setChecked] = useState<string | null>(null);
  const told = useRef(read);
  useEffect(() => { told.current = read; });
  useEffect(() => {
    let wanted = true;
    const timer = setTimeout(() => {
      alarmApi.take(new Blob([text]), { file: FILE, dry_run: true }).then(
        (answer) => {
          if (!wanted) return;
          const [only] = answer.changes;
          const alone = answer.changes.length === 1 && only?.kind === kind && (code === null || only.code === code);
          setFaults(answer.faults.length > 0 || alone ? answer.faults : [{ file: FILE, line: 1, column: 1, problem: code === null ? t("alarms.one_only") : t("alarms.this_only", { code }), value: null }]);
          setProblem(null);
          setChecked(text);
          told.current(text, answer.faults.length === 0 && alone ? only.body : null);
        },
        (error: unknown) => {
          if (wanted) setProblem(error);
        },
      );
    }, TYPING_MS);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [text, kind, code, t]);
  const go = (fault: DefinitionFault): void => {
    const place = placeIn(text, fault.line, fault.column);
    area.current?.focus();
    area.current?.setSelectionRange(place, place + (fault.value?.length ?? 1));
  };
  return (
    <div className="alarm-yaml">
      <label className="field">
        <span>{t("alarms.as_yaml")}</span>
        <textarea ref={area} name="yaml" spellCheck={false} rows={Math.min(28, Math.max(12, text.split("\n").length + 1))} value={text} onChange={(event) => { read(event.target.value, null); }} data-testid="yaml" />
      </label>
      <div role="status" data-testid="yaml-faults">
        {problem !== null ? (
          <p>{reasonOf(t, problem)}</p>
        ) : checked !== text ? (
          <p className="faint">{t("alarms.checking")}</p>
        ) : faults.length === 0 ? (
          <p>
            <Glyph name="completed" /> {t("alarms.yaml_right")}
          </p>
        ) : (
          <ul className="alarm-faults">
            {faults.map((fault) => (
              <li key={`${fault.line}:${fault.column} ${fault.problem}`}>
                <button type="button" className="link" onClick={() => { go(fault); }}>
                  {t("alarms.at_line", { line: fault.line, column: fault.column })}
                </button>{" "}
                {fault.problem}
                {fault.value !== null && <code> {fault.value}</code>}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
