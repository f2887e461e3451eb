import { useMutation } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { tell } from "../app/toasts.tsx";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { usePlanWords } from "./language.tsx";

/** Ask for a new plan, with a reason that stands in the history. */
export function ReplanDialog({ scope, close }: { scope: string; close: () => void }): ReactElement {
  const t = usePlanWords();
  const [reason, setReason] = useState("");
  const replan = useMutation({
    mutationFn: () => api.requestPlan(scope, reason.trim()),
    onSuccess: () => {
      tell(t("plan.replan_done"));
      close();
    },
  });
  return (
    <Dialog title={t("plan.replan_title")} text={t("plan.replan_text")} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          replan.mutate();
        }}
      >
        <label className="field">
          <span>{t("plan.replan_reason")}</span>
          <textarea name="reason" required rows={2} maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
        </label>
        <FormFoot error={replan.error} waiting={replan.isPending || reason.trim() === ""} action={t("plan.replan")} close={close} />
      </form>
    </Dialog>
  );
}
