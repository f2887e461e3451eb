import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState, type ReactElement } from "react";
import { useT } from "../i18n/staff.tsx";
import type { StaffMessages } from "../i18n/messages.gen.ts";
import { Dialog } from "../ui/dialog.tsx";
import { stepOf, type Way } from "./keys.ts";
import { useWays } from "./ways.ts";

const STORED = "gemba.shortcuts";

function firstlyOn(): boolean {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    // Storage is forbidden: they are on, as for everybody who never said otherwise.
    return true;
  }
}

function remember(on: boolean): void {
  try {
    localStorage.setItem(STORED, on ? "on" : "off");
  } catch {
    // It lasts as long as the page.
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

/** Keys for the whole desk, and the page that lists them. Where somebody types, keys are letters. */
export function Shortcuts(): ReactElement {
  const t = useT();
  const navigate = useNavigate();
  const ways = useWays();
  const [open, setOpen] = useState(false);
  const [on, setOn] = useState(firstlyOn);
  const before = useRef<{ key: string; at: number } | null>(null);
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (!on || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("[role=dialog],[role=alertdialog]") !== null) return;
      const step = stepOf(event.key, Date.now(), before.current, ways);
      before.current = step.before;
      if (step.does === null) return;
      event.preventDefault();
      if (step.does === "help") setOpen(true);
      else if (step.does === "search") document.querySelector<HTMLInputElement>("main input[type=search]")?.focus();
      else void navigate({ to: step.does.to });
    };
    document.addEventListener("keydown", press);
    return () => { document.removeEventListener("keydown", press); };
  }, [on, ways, navigate]);
  return (
    <>
      <button type="button" className="button button-quiet help-button" aria-label={t("keys.open")} title={t("keys.open")} aria-keyshortcuts="?" onClick={() => { setOpen(true); }} data-testid="keys">
        ?
      </button>
      {open && (
        <Help
          ways={ways}
          on={on}
          turn={(next) => {
            remember(next);
            setOn(next);
          }}
          close={() => { setOpen(false); }}
        />
      )}
    </>
  );
}

type Section = readonly [title: keyof StaffMessages & `keys.${string}`, keys: readonly (readonly [string, string])[]];

function Help({ ways, on, turn, close }: { ways: readonly Way[]; on: boolean; turn: (on: boolean) => void; close: () => void }): ReactElement {
  const t = useT();
  const desk = ways.some((way) => way.needs !== "own_orders");
  const sections: Section[] = [
    ["keys.everywhere", [["?", t("keys.help")], ["/", t("keys.search")], ["Esc", t("keys.escape")], ...ways.map((way) => [`g ${way.key}`, t("keys.go", { where: t(way.name) })] as const)]],
    ...(desk
      ? ([
          ["keys.list", [["↑ ↓  j k", t("keys.move")], ["Enter", t("keys.enter")], ["Space  x", t("keys.choose")], ["Shift ↑ ↓", t("keys.extend")], ["Ctrl A", t("keys.all")], ["Esc", t("keys.none")]]],
          ["keys.alarms", [["a", t("keys.alarm_acknowledge")], ["s", t("keys.alarm_shelve")]]],
          ["keys.promise", [["Enter", t("keys.ask")], ["Alt N", t("keys.line")]]],
        ] as const)
      : []),
  ];
  return (
    <Dialog title={t("keys.title")} close={close}>
      <div className="keys" data-testid="keys-help">
        {sections.map(([title, keys]) => (
          <section key={title}>
            <h3>{(t as unknown as (key: string) => string)(title)}</h3>
            <dl>
              {keys.map(([key, words]) => (
                <div key={key}>
                  <dt>
                    {key.split(/ {2}/).map((way) => (
                      <span key={way}>
                        {way.split(" ").map((each) => (
                          <kbd key={each}>{each}</kbd>
                        ))}
                      </span>
                    ))}
                  </dt>
                  <dd>{words}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <label className="check">
        <input type="checkbox" checked={on} onChange={(event) => { turn(event.target.checked); }} />
        <span>{t("keys.on")}</span>
      </label>
      <div className="dialog-actions">
        <button type="button" className="button button-primary" onClick={close}>
          {t("action.close")}
        </button>
      </div>
    </Dialog>
  );
}
