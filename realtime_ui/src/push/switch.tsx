import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import { tell } from "../app/toasts.tsx";
import { useT } from "../i18n/staff.tsx";
import { Glyph } from "../ui/glyph.tsx";
import { canBeTold, Denied, fingerprint, isDenied, subscribe, unsubscribe } from "./browser.ts";

const PUSH = ["push"] as const;
const LONGEST_NAME = 100;

/** The subscription of this very browser; null: it has none, or it is somebody else's. */
async function own(): Promise<number | null> {
  const known = await fingerprint();
  if (known === null) return null;
  const { subscriptions } = await api.push();
  return subscriptions.find((each) => each.endpoint_sha256 === known)?.id ?? null;
}

async function switchOn(language: string): Promise<number> {
  const { public_key: publicKey } = await api.push();
  const made = await api.subscribePush({ ...(await subscribe(publicKey)), device: navigator.userAgent.slice(0, LONGEST_NAME), language });
  await api.testPush(made.id);
  return made.id;
}

/** "Notify me on this device": one press; the first thing that is told is that it works. */
export function PushSwitch(): ReactElement | null {
  const t = useT();
  const queries = useQueryClient();
  const usable = canBeTold();
  const state = useQuery({ queryKey: PUSH, queryFn: own, enabled: usable, staleTime: Infinity });
  const on = (state.data ?? null) !== null;
  const change = useMutation({
    mutationFn: async (): Promise<number | null> => {
      if (!on) return switchOn(t.language);
      await unsubscribe();
      if (typeof state.data === "number") await api.unsubscribePush(state.data);
      return null;
    },
    onSuccess: (id) => {
      queries.setQueryData(PUSH, id);
      tell(t(id === null ? "push.now_off" : "push.now_on"));
    },
    onError: (error) => {
      tell(error instanceof Denied ? t("push.denied") : t("push.failed"), { bad: true });
      void queries.invalidateQueries({ queryKey: PUSH });
    },
  });
  if (!usable || state.isPending) return null;
  const label = t(!on && isDenied() ? "push.denied" : "push.switch");
  return (
    <button type="button" role="switch" aria-checked={on} className="button button-quiet push-switch" title={label} aria-label={label} disabled={change.isPending} onClick={() => { change.mutate(); }} data-testid="push-switch">
      <Glyph name={on ? "bell" : "bell_off"} />
    </button>
  );
}
