import { useEffect, useRef, useState, type ReactElement, type SubmitEvent } from "react";
import { ask, Problem } from "../api/problem.ts";
import { TOLERANCES, toleranceWords, useContactWords } from "../contacts/words.ts";
import type { Language } from "../i18n/translator.ts";
import { PushMe } from "./push.tsx";

type Step = "closed" | "open" | "sending" | "asked";

/** "Tell me when the date moves": an address, which is asked by a mail whether it is the reader's. */
export function TellMe({ language, token }: { language: Language; token: string }): ReactElement | null {
  const t = useContactWords(language);
  const [step, setStep] = useState<Step>("closed");
  const [address, setAddress] = useState("");
  const [tolerance, setTolerance] = useState(240);
  const [problem, setProblem] = useState<"tell.failed" | "tell.invalid" | "tell.too_many" | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const opened = step === "open";
  useEffect(() => {
    // Whoever pressed the button wants to write here.
    if (opened) input.current?.focus();
  }, [opened]);
  const send = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setStep("sending");
    setProblem(null);
    try {
      const wish = { channel: "email", address, language, tolerance_minutes: tolerance, time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
      await ask("POST", `/v1/tracking/${encodeURIComponent(token)}/contacts`, wish);
      setStep("asked");
    } catch (error) {
      const status = error instanceof Problem ? error.status : 0;
      setProblem(status === 422 ? "tell.invalid" : status === 429 ? "tell.too_many" : "tell.failed");
      setStep("open");
    }
  };
  if (t === null) return null;
  if (step === "closed") {
    return (
      <button type="button" className="act tell-open" onClick={() => { setStep("open"); }} data-testid="tell-me">
        {t("tell.action")}
      </button>
    );
  }
  if (step === "asked") {
    return (
      <section className="card" role="status" data-testid="tell-asked">
        <h2>{t("tell.asked_title")}</h2>
        <p>{t("tell.asked", { address })}</p>
      </section>
    );
  }
  return (
    <section className="card" aria-labelledby="tell">
      <h2 id="tell">{t("tell.title")}</h2>
      <p className="quiet">{t("tell.text")}</p>
      <form className="tell-form" onSubmit={(event) => void send(event)}>
        <label>
          <span>{t("tell.address")}</span>
          <input ref={input} name="address" type="email" autoComplete="email" required maxLength={254} value={address} onChange={(event) => { setAddress(event.target.value); }} />
        </label>
        <label>
          <span>{t("contacts.tolerance")}</span>
          <select name="tolerance" value={tolerance} onChange={(event) => { setTolerance(Number(event.target.value)); }}>
            {TOLERANCES.map((each) => (
              <option key={each} value={each}>
                {t("contacts.tolerates", { tolerance: toleranceWords(t, each) })}
              </option>
            ))}
          </select>
        </label>
        <p className="tell-problem" role="alert">
          {problem === null ? "" : t(problem)}
        </p>
        <button type="submit" className="act" disabled={step === "sending"}>
          {t("tell.send")}
        </button>
      </form>
      <PushMe t={t} token={token} tolerance={tolerance} />
    </section>
  );
}
