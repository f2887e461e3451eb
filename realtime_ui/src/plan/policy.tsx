import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { Policy } from "../api/types.ts";
import { tell } from "../app/toasts.tsx";
import { formatDuration } from "../i18n/format.ts";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { Failed, Skeleton } from "../ui/states.tsx";
import { Displacement, Goals, orderOf } from "./goals.tsx";
import { usePlanWords } from "./language.tsx";
import { FIELDS, formOf, policyOf, WEIGHTS, type PolicyForm } from "./fields.ts";

interface PolicyProps {
  scope: string;
  name: string;
  mayChange: boolean;
  close: () => void;
}

/** How a scope is planned; whoever may plan changes it here. */
export function PolicyDialog({ scope, name, mayChange, close }: PolicyProps): ReactElement {
  const t = usePlanWords();
  const planning = useQuery({ queryKey: ["planning", scope], queryFn: () => api.planning(scope), staleTime: 0 });
  const policy = planning.data?.policy;
  return (
    <Dialog title={t("policy.title", { scope: name })} {...(mayChange ? { text: t("policy.text") } : {})} close={close}>
      {planning.isError && policy === undefined ? (
        <Failed what={t("plan.failed")} error={planning.error} retry={() => void planning.refetch()} />
      ) : policy === undefined ? (
        <Skeleton width="100%" height="320px" />
      ) : (
        <>
          <p>{summary(t, policy)}</p>
          {mayChange && <PolicyFields key={planning.dataUpdatedAt} scope={scope} name={name} policy={policy} close={close} />}
        </>
      )}
      {!mayChange && (
        <div className="dialog-actions">
          <button type="button" className="button" onClick={close}>
            {t("action.close")}
          </button>
        </div>
      )}
    </Dialog>
  );
}

function summary(t: ReturnType<typeof usePlanWords>, policy: Policy): string {
  return t("policy.summary", {
    publish: policy.publish ?? "auto",
    frozen: formatDuration(t, policy.frozen_ms ?? 0),
    down: formatDuration(t, policy.down_threshold_ms ?? 0),
    tolerance: formatDuration(t, policy.tolerance_ms ?? 0),
  });
}

function PolicyFields({ scope, name, policy, close }: { scope: string; name: string; policy: Policy; close: () => void }): ReactElement {
  const t = usePlanWords();
  const queries = useQueryClient();
  const [form, setForm] = useState<PolicyForm>(() => formOf(policy));
  const save = useMutation({
    mutationFn: () => api.putPolicy(scope, policyOf(policy, form)),
    onSuccess: async () => {
      tell(t("policy.saved", { scope: name }));
      close();
      await queries.invalidateQueries({ queryKey: ["planning"] });
    },
  });
  const goals = (form["goals"] ?? "").split(",");
  const edit = (part: PolicyForm): void => { setForm({ ...form, ...part }); };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <fieldset className="policy-publish">
        <legend>{t("policy.publish")}</legend>
        {(["auto", "draft"] as const).map((rule) => (
          <label key={rule} className="check">
            <input type="radio" name="publish" value={rule} checked={form["publish"] === rule} onChange={() => { edit({ publish: rule }); }} />
            <span>{t(`policy.publish.${rule}`)}</span>
          </label>
        ))}
      </fieldset>
      <div className="policy-fields">
        {FIELDS.map((field) => (
          <label key={field.name} className="field">
            <span>{t(`policy.${field.word}`)}</span>
            <input type="number" name={field.name} required min={field.least} max={field.most} step={field.step} value={form[field.name] ?? ""} onChange={(event) => { edit({ [field.name]: event.target.value }); }} />
            <small className="faint">{t(`policy.${field.word}_hint`)}</small>
          </label>
        ))}
      </div>
      <Goals t={t} goals={goals} change={(next) => { edit({ goals: next.join() }); }} />
      {orderOf(goals) === null && <p role="alert">{t("missing.goals")}</p>}
      <Displacement t={t} value={form["displacement"] ?? "lower"} change={(displacement) => { edit({ displacement }); }} />
      <details>
        <summary>{t("policy.weights")}</summary>
        <p className="faint">{t("policy.weights_text")}</p>
        <div className="policy-fields">
          {WEIGHTS.map((weight) => (
            <label key={weight} className="field">
              <span>{t(`policy.${weight}`)}</span>
              <input type="number" name={weight} required min={0} max={1_000_000} step={1} value={form[weight] ?? ""} onChange={(event) => { edit({ [weight]: event.target.value }); }} />
            </label>
          ))}
        </div>
      </details>
      <FormFoot error={save.error} waiting={save.isPending || orderOf(goals) === null} action={t("policy.save")} close={close} />
    </form>
  );
}
