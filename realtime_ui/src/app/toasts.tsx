import { useSyncExternalStore, type ReactElement } from "react";
import { useT } from "../i18n/staff.tsx";
import { Glyph } from "../ui/glyph.tsx";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  undo: (() => void) | null;
}

const SHOWN_MS = 8_000;
let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function show(next: readonly Toast[]): void {
  toasts = next;
  listeners.forEach((listener) => { listener(); });
}

function dismiss(id: number): void {
  show(toasts.filter((toast) => toast.id !== id));
}

/** Tell what happened, for some seconds, with a way back where there is one. */
export function tell(text: string, options: { bad?: boolean; undo?: () => void } = {}): void {
  last += 1;
  const id = last;
  show([...toasts.slice(-2), { id, text, bad: options.bad ?? false, undo: options.undo ?? null }]);
  setTimeout(() => { dismiss(id); }, SHOWN_MS);
}

export function Toasts(): ReactElement {
  const t = useT();
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} className={toast.bad ? "toast toast-bad" : "toast"}>
          <span>{toast.text}</span>
          {toast.undo !== null && (
            <button
              type="button"
              className="button button-quiet"
              onClick={() => {
                dismiss(toast.id);
                toast.undo?.();
              }}
            >
              {t("action.undo")}
            </button>
          )}
          <button type="button" className="button button-quiet" aria-label={t("action.dismiss")} onClick={() => { dismiss(toast.id); }}>
            <Glyph name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
