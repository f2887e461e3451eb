import * as AlertPrimitive from "@radix-ui/react-alert-dialog";
import * as DialogPrimitive from "@radix-ui/react-dialog";
import type { ReactElement, ReactNode } from "react";
import { useT } from "../i18n/staff.tsx";
import { reasonOf } from "./states.tsx";

interface DialogProps {
  title: string;
  text?: string;
  close: () => void;
  children: ReactNode;
}

/** A dialog with a form in it: focus stays inside, Escape and the shade close it. */
export function Dialog({ title, text, close, children }: DialogProps): ReactElement {
  return (
    <DialogPrimitive.Root open onOpenChange={(open) => { if (!open) close(); }}>
      <DialogPrimitive.Portal>
        <DialogPrimitive.Overlay className="dialog-shade" />
        <DialogPrimitive.Content className="dialog" {...(text === undefined ? { "aria-describedby": undefined } : {})}>
          <DialogPrimitive.Title asChild>
            <h2>{title}</h2>
          </DialogPrimitive.Title>
          {text !== undefined && (
            <DialogPrimitive.Description asChild>
              <p className="faint">{text}</p>
            </DialogPrimitive.Description>
          )}
          {children}
        </DialogPrimitive.Content>
      </DialogPrimitive.Portal>
    </DialogPrimitive.Root>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  action: string;
  danger?: boolean;
  close: () => void;
  confirm: () => void;
  large?: boolean;
}

/** A question before what cannot be undone; the way back has the focus. */
export function Confirm({ title, text, action, danger = false, close, confirm, large = false }: ConfirmProps): ReactElement {
  const t = useT();
  return (
    <AlertPrimitive.Root open onOpenChange={(open) => { if (!open) close(); }}>
      <AlertPrimitive.Portal>
        <AlertPrimitive.Overlay className="dialog-shade" />
        <AlertPrimitive.Content className={large ? "dialog dialog-large" : "dialog"}>
          <AlertPrimitive.Title asChild>
            <h2>{title}</h2>
          </AlertPrimitive.Title>
          <AlertPrimitive.Description asChild>
            <p>{text}</p>
          </AlertPrimitive.Description>
          <div className="dialog-actions">
            <AlertPrimitive.Cancel asChild>
              <button type="button" className="button">
                {t("action.back")}
              </button>
            </AlertPrimitive.Cancel>
            <AlertPrimitive.Action asChild>
              <button type="button" className={danger ? "button button-danger" : "button button-primary"} onClick={confirm} data-testid="confirm">
                {action}
              </button>
            </AlertPrimitive.Action>
          </div>
        </AlertPrimitive.Content>
      </AlertPrimitive.Portal>
    </AlertPrimitive.Root>
  );
}

/** The foot of a form in a dialog: what went wrong, in a slot of its own, and the two ways on. */
export function FormFoot({ error, waiting, action, close, danger = false }: { error: unknown; waiting: boolean; action: string; close: () => void; danger?: boolean }): ReactElement {
  const t = useT();
  return (
    <>
      <p className="dialog-error" role="alert">
        {error === null || error === undefined ? "" : reasonOf(t, error)}
      </p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={close}>
          {t("action.back")}
        </button>
        <button type="submit" className={danger ? "button button-danger" : "button button-primary"} disabled={waiting}>
          {action}
        </button>
      </div>
    </>
  );
}
