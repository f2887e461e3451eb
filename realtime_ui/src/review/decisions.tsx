import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { Decision } from "../desk/decide.tsx";
import { useDesk } from "../desk/language.tsx";
import { usePermission } from "../session/session.ts";

interface DecisionsProps {
  order: { number: string; version: number; state: string };
  /** How many open findings have to be settled or overruled. */
  errors: number;
  after: () => Promise<unknown>;
}

type Open = "confirm" | "hold" | "resume" | "reject";

/** What somebody who may can decide of an order that is not released. */
export function OrderDecisions({ order, errors, after }: DecisionsProps): ReactElement | null {
  const t = useDesk();
  const mayOrder = usePermission("order");
  const mayReview = usePermission("review");
  const [open, setOpen] = useState<Open | null>(null);
  const { number, version, state } = order;
  const close = (): void => { setOpen(null); };
  const waits = state === "under_review" || state === "received";
  const mayConfirm = mayOrder && waits && (errors === 0 || mayReview);
  return (
    <>
      {mayConfirm && (
        <button type="button" className="button button-primary" onClick={() => { setOpen("confirm"); }} data-testid={`confirm-${number}`}>
          {t(errors > 0 ? "review.overrule" : "review.confirm")}
        </button>
      )}
      {mayOrder && (waits || state === "confirmed") && (
        <button type="button" className="button" onClick={() => { setOpen("hold"); }}>
          {t("review.hold")}
        </button>
      )}
      {mayOrder && state === "on_hold" && (
        <button type="button" className="button button-primary" onClick={() => { setOpen("resume"); }}>
          {t("review.resume")}
        </button>
      )}
      {mayReview && waits && (
        <button type="button" className="button" onClick={() => { setOpen("reject"); }} data-testid={`reject-${number}`}>
          {t("review.reject")}
        </button>
      )}
      {open === "confirm" && (
        <Decision
          title={t(errors > 0 ? "review.overrule_title" : "review.confirm_title", { number })}
          text={errors > 0 ? t("review.overrule_text", { n: errors }) : t("review.confirm_text")}
          reason={errors > 0 ? "needed" : "none"}
          action={t(errors > 0 ? "review.overrule" : "review.confirm")}
          done={t("review.confirmed", { number })}
          run={(reason) => api.confirmOrder(number, version, errors > 0 ? reason : undefined)}
          after={after}
          close={close}
        />
      )}
      {open === "hold" && <Decision title={t("review.hold_title", { number })} text={t("review.hold_text")} reason="needed" action={t("review.hold")} done={t("review.held", { number })} run={(reason) => api.holdOrder(number, version, reason)} undo={() => api.order(number).then((now) => api.resumeOrder(number, now.version))} after={after} close={close} />}
      {open === "resume" && <Decision title={t("review.resume_title", { number })} reason="none" action={t("review.resume")} done={t("review.resumed", { number })} run={() => api.resumeOrder(number, version)} after={after} close={close} />}
      {open === "reject" && <Decision title={t("review.reject_title", { number })} text={t("review.reject_text")} reason="needed" danger action={t("review.reject")} done={t("review.rejected", { number })} run={(reason) => api.rejectOrder(number, version, reason)} after={after} close={close} />}
    </>
  );
}
