import { useMutation } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { tell } from "../app/toasts.tsx";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { reasonOf } from "../ui/states.tsx";
import { useDesk } from "./language.tsx";

interface DecisionProps {
  title: string;
  text?: string;
  /** Whether a reason has to be given, may be, or is not asked for. */
  reason: "needed" | "optional" | "none";
  action: string;
  danger?: boolean;
  done: string;
  run: (reason: string) => Promise<unknown>;
  after: () => Promise<unknown>;
  close: () => void;
  /** The way back, where there is one. */
  undo?: () => Promise<unknown>;
}

/** Something is decided, for a reason: asked for, done, told. */
export function Decision({ title, text, reason: asked, action, danger = false, done, run, after, close, undo }: DecisionProps): ReactElement {
  const t = useDesk();
  const [reason, setReason] = useState("");
  const decide = useMutation({
    mutationFn: () => run(reason.trim()),
    onSuccess: () => {
      tell(done, undo === undefined ? {} : { undo: () => void undo().then(() => { tell(t("desk.undone")); }, (error: unknown) => { tell(reasonOf(t, error), { bad: true }); }).finally(() => void after()) });
      close();
    },
    onSettled: after,
  });
  return (
    <Dialog title={title} {...(text === undefined ? {} : { text })} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          decide.mutate();
        }}
      >
        {asked !== "none" && (
          <label className="field">
            <span>{t(asked === "needed" ? "desk.reason" : "desk.reason_optional")}</span>
            <textarea name="reason" required={asked === "needed"} rows={3} maxLength={1_000} value={reason} onChange={(event) => { setReason(event.target.value); }} />
          </label>
        )}
        <FormFoot error={decide.error} waiting={decide.isPending || (asked === "needed" && reason.trim() === "")} action={action} close={close} danger={danger} />
      </form>
    </Dialog>
  );
}
