import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api } from "../api/endpoints.ts";
import type { Finding } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { tell } from "../app/toasts.tsx";
import { Decision } from "../desk/decide.tsx";
import { useDesk } from "../desk/language.tsx";
import { wordOf } from "../i18n/translator.ts";
import { usePermission } from "../session/session.ts";
import { useNow } from "../ui/clock.ts";
import { Dialog, FormFoot } from "../ui/dialog.tsx";
import { Glyph } from "../ui/glyph.tsx";
import { findingWords } from "./words.ts";

interface FindingsProps {
  number: string;
  site: string;
  findings: readonly Finding[];
  after: () => Promise<unknown>;
}

/** Why an order waits for people, and what they can do about each reason. */
export function Findings({ number, site, findings, after }: FindingsProps): ReactElement {
  const t = useDesk();
  const now = useNow();
  const zone = useZone(site);
  const mayReview = usePermission("review");
  const [open, setOpen] = useState<{ finding: Finding; what: "settle" | "item" | "customer" } | null>(null);
  const close = (): void => { setOpen(null); };
  return (
    <>
      <ul className="findings">
        {findings.map((finding) => (
          <li key={finding.id} className={`finding finding-${finding.severity}`} data-testid={`finding-${finding.code}`}>
            <Glyph name={finding.severity === "error" ? "down" : "waiting"} />
            <div>
              <p>
                <strong>{wordOf(t, "finding_name", finding.code)}</strong> <span className="faint">{wordOf(t, "severity", finding.severity)}</span>
                {finding.line !== null && <span className="faint"> · {t("review.line", { line: finding.line })}</span>}
              </p>
              <p>
                {findingWords(t, finding, now, zone)}
                {finding.code === "possible_duplicate" && typeof finding.detail["order"] === "string" && (
                  <>
                    {" "}
                    <Link to="/orders/$number" params={{ number: finding.detail["order"] }}>
                      {finding.detail["order"]}
                    </Link>
                  </>
                )}
              </p>
              <p className="faint">{wordOf(t, "advice", finding.code)}</p>
            </div>
            {mayReview && (
              <span className="finding-actions">
                {finding.code === "unknown_item" && (
                  <button type="button" className="button" onClick={() => { setOpen({ finding, what: "item" }); }}>
                    {t("review.assign_item")}
                  </button>
                )}
                {finding.code === "unknown_customer" && (
                  <button type="button" className="button" onClick={() => { setOpen({ finding, what: "customer" }); }}>
                    {t("review.assign_customer")}
                  </button>
                )}
                <button type="button" className="button button-quiet" onClick={() => { setOpen({ finding, what: "settle" }); }}>
                  {t("review.settle")}
                </button>
              </span>
            )}
          </li>
        ))}
      </ul>
      {open?.what === "settle" && (
        <Decision
          title={t("review.settle_title", { what: wordOf(t, "finding_name", open.finding.code) })}
          text={t("review.settle_text")}
          reason="needed"
          action={t("review.settle")}
          done={t("review.settled")}
          run={(reason) => api.settleFinding(number, open.finding.id, reason)}
          after={after}
          close={close}
        />
      )}
      {open !== null && open.what !== "settle" && <Assign number={number} finding={open.finding} what={open.what} after={after} close={close} />}
    </>
  );
}

/** Say which item or customer a document means; remembered, it is not asked again. */
function Assign({ number, finding, what, after, close }: { number: string; finding: Finding; what: "item" | "customer"; after: () => Promise<unknown>; close: () => void }): ReactElement {
  const t = useDesk();
  const items = useQuery({ queryKey: ["items"], queryFn: api.items, staleTime: 60_000, enabled: what === "item" });
  const customers = useQuery({ queryKey: ["customers"], queryFn: api.customers, staleTime: 60_000, enabled: what === "customer" });
  const [code, setCode] = useState("");
  const [remember, setRemember] = useState(true);
  const assign = useMutation({
    mutationFn: (): Promise<unknown> => (what === "item" ? api.assignItem(number, finding.line ?? 0, code, remember) : api.assignCustomer(number, code, remember)),
    onSuccess: () => {
      tell(t("review.assigned"));
      close();
    },
    onSettled: after,
  });
  const told = finding.detail[what];
  const asTold = typeof told === "string" ? told : "–";
  const choices = (what === "item" ? items : customers).data?.items.filter((each) => !("provisional" in each && each.provisional));
  return (
    <Dialog title={t(what === "item" ? "review.assign_item_title" : "review.assign_customer_title", { told: asTold })} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          assign.mutate();
        }}
      >
        <label className="field">
          <span>{t(what === "item" ? "orders.item" : "orders.customer")}</span>
          <select required name="meant" value={code} onChange={(event) => { setCode(event.target.value); }}>
            <option value="" disabled>
              {choices === undefined ? t("state.loading") : t("create.choose")}
            </option>
            {choices?.map((each) => (
              <option key={each.code} value={each.code}>
                {each.name} ({each.code})
              </option>
            ))}
          </select>
        </label>
        <label className="check">
          <input type="checkbox" checked={remember} onChange={(event) => { setRemember(event.target.checked); }} />
          <span>{t("review.remember", { told: asTold })}</span>
        </label>
        <FormFoot error={assign.error ?? items.error ?? customers.error} waiting={assign.isPending || code === ""} action={t("review.assign")} close={close} />
      </form>
    </Dialog>
  );
}
