import { useState, type ReactElement } from "react";
import { ask } from "../api/problem.ts";
import type { ContactTranslator } from "../contacts/words.ts";
import { canBeTold, Denied, subscribe } from "../push/browser.ts";

const STORED = "gemba.told";

/** By what this browser knows its subscription of a link; null: it has none. */
function remembered(token: string): string | null {
  try {
    return localStorage.getItem(`${STORED}.${token}`);
  } catch {
    // Storage is forbidden: the browser is told all the same, and its settings end it.
    return null;
  }
}

function remember(token: string, id: string | null): void {
  try {
    if (id === null) localStorage.removeItem(`${STORED}.${token}`);
    else localStorage.setItem(`${STORED}.${token}`, id);
  } catch {
    // See remembered().
  }
}

/** "Tell me on this device": a notification of this browser instead of a mail. */
export function PushMe({ t, token, tolerance }: { t: ContactTranslator; token: string; tolerance: number }): ReactElement | null {
  const [told, setTold] = useState(() => remembered(token));
  const [state, setState] = useState<"idle" | "waiting" | "denied" | "failed">("idle");
  const place = `/v1/tracking/${encodeURIComponent(token)}`;
  const run = async (work: () => Promise<string | null>): Promise<void> => {
    setState("waiting");
    try {
      const id = await work();
      remember(token, id);
      setTold(id);
      setState("idle");
    } catch (error) {
      setState(error instanceof Denied ? "denied" : "failed");
    }
  };
  const begin = async (): Promise<string> => {
    const { public_key } = (await ask("GET", `${place}/push`)) as { public_key: string };
    const subscribed = await subscribe(public_key);
    const { id } = (await ask("POST", `${place}/push`, { ...subscribed, device: navigator.userAgent.slice(0, 100), language: t.language })) as { id: number };
    await ask("POST", `${place}/contacts`, { channel: "web_push", language: t.language, tolerance_minutes: tolerance });
    return String(id);
  };
  const end = async (): Promise<null> => {
    await ask("DELETE", `${place}/push/${told ?? ""}`);
    return null;
  };
  if (!canBeTold()) return null;
  return (
    <div className="tell-push">
      {told !== null && <p role="status">{t("tell.push_told")}</p>}
      <button type="button" className="tell-other" disabled={state === "waiting"} onClick={() => void run(told === null ? begin : end)} data-testid="tell-push">
        {t(told === null ? "tell.push" : "tell.push_stop")}
      </button>
      {(state === "denied" || state === "failed") && <p role="alert">{t(state === "denied" ? "tell.push_denied" : "tell.failed")}</p>}
    </div>
  );
}
