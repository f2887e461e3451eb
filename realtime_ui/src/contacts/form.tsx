import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import type { Contact } from "../api/types.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { FormFoot } from "../ui/dialog.tsx";
import type { ContactSource, Said } from "./source.ts";
import { TOLERANCES, toleranceWords, type ContactTranslator } from "./words.ts";

interface FormProps {
  t: ContactTranslator;
  source: ContactSource;
  /** None: a new one. */
  contact: Contact | null;
  close: () => void;
}

interface Fields extends Omit<Said, "quiet"> {
  from: string;
  until: string;
}

function fieldsOf(contact: Contact | null, language: "en" | "zh-CN"): Fields {
  const quiet = contact?.quiet[0];
  return {
    name: contact?.name ?? "",
    channel: contact?.channel === "sms" ? "sms" : "email",
    address: contact?.address ?? "",
    order: contact?.order ?? "",
    agreed: true,
    language: contact?.language ?? language,
    tolerance_minutes: contact?.tolerance_minutes ?? 240,
    counted: contact?.counted ?? "clock",
    time_zone: contact?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    from: quiet?.from ?? "",
    until: quiet?.until ?? "",
  };
}

/** Somebody who is told: who, where, how exactly, and when not. */
export function ContactForm({ t, source, contact, close }: FormProps): ReactElement {
  const staff = useT();
  const queries = useQueryClient();
  const [said, setSaid] = useState(() => fieldsOf(contact, staff.language));
  const set = (change: Partial<Fields>): void => { setSaid({ ...said, ...change }); };
  const save = useMutation({
    mutationFn: () => {
      const { from, until, ...rest } = said;
      // Weekdays and further hours that were put in by a program stay as they are.
      const [first, ...more] = contact?.quiet ?? [];
      const hours = from === "" || until === "" ? [] : [{ weekdays: first?.weekdays ?? [0, 1, 2, 3, 4, 5, 6], from, until }];
      const whole: Said = { ...rest, quiet: [...hours, ...more] };
      return contact === null ? source.add(whole) : source.change(contact, whole);
    },
    onSuccess: close,
    onSettled: () => queries.invalidateQueries({ queryKey: source.key }),
  });
  const zones = Intl.supportedValuesOf("timeZone");
  return (
    <form
      className="contact-form"
      data-testid="contact-form"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <label className="field">
        <span>{t("contacts.name")}</span>
        <input name="name" required maxLength={200} value={said.name} onChange={(event) => { set({ name: event.target.value }); }} />
      </label>
      {contact === null && (
        <>
          {!source.own && (
            <label className="field">
              <span>{t("contacts.channel")}</span>
              <select name="channel" value={said.channel} onChange={(event) => { set({ channel: event.target.value === "sms" ? "sms" : "email" }); }}>
                {(["email", "sms"] as const).map((each) => (
                  <option key={each} value={each}>
                    {wordOf(t, "contact_channel", each)}
                  </option>
                ))}
              </select>
            </label>
          )}
          <label className="field">
            <span>{t("contacts.address")}</span>
            <input name="address" required type={said.channel === "sms" ? "tel" : "email"} maxLength={254} value={said.address} onChange={(event) => { set({ address: event.target.value }); }} />
          </label>
          <label className="field">
            <span>{t("contacts.order")}</span>
            <input name="order" maxLength={100} value={said.order} onChange={(event) => { set({ order: event.target.value }); }} />
          </label>
        </>
      )}
      <label className="field">
        <span>{t("contacts.language")}</span>
        <select name="language" value={said.language} onChange={(event) => { set({ language: event.target.value === "zh-CN" ? "zh-CN" : "en" }); }}>
          {(["en", "zh-CN"] as const).map((each) => (
            <option key={each} value={each}>
              {wordOf(t, "contact_language", each)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{t("contacts.tolerance")}</span>
        <select name="tolerance" value={said.tolerance_minutes} onChange={(event) => { set({ tolerance_minutes: Number(event.target.value) }); }}>
          {[...new Set([...TOLERANCES, said.tolerance_minutes])].sort((left, right) => left - right).map((each) => (
            <option key={each} value={each}>
              {toleranceWords(t, each)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{t("contacts.counted")}</span>
        <select name="counted" value={said.counted} onChange={(event) => { set({ counted: event.target.value === "working" ? "working" : "clock" }); }}>
          {(["clock", "working"] as const).map((each) => (
            <option key={each} value={each}>
              {wordOf(t, "contact_counted", each)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{t("contacts.quiet_from")}</span>
        <input name="quiet_from" type="time" required={said.until !== ""} value={said.from} onChange={(event) => { set({ from: event.target.value }); }} />
      </label>
      <label className="field">
        <span>{t("contacts.quiet_until")}</span>
        <input name="quiet_until" type="time" required={said.from !== ""} value={said.until} onChange={(event) => { set({ until: event.target.value }); }} />
      </label>
      <label className="field">
        <span>{t("contacts.zone")}</span>
        <select name="time_zone" value={said.time_zone} onChange={(event) => { set({ time_zone: event.target.value }); }}>
          {[...new Set([said.time_zone, "UTC", ...zones])].map((zone) => (
            <option key={zone} value={zone}>
              {zone.replaceAll("_", " ")}
            </option>
          ))}
        </select>
      </label>
      {contact === null && !source.own && said.channel === "email" && (
        <label className="field">
          <span>{t("contacts.agreed_title")}</span>
          <select name="agreed" value={String(said.agreed)} onChange={(event) => { set({ agreed: event.target.value === "true" }); }}>
            <option value="true">{t("contacts.agreed")}</option>
            <option value="false">{t("contacts.agreed_not")}</option>
          </select>
        </label>
      )}
      <div className="contact-foot">
        <FormFoot error={save.error} waiting={save.isPending} action={t("contacts.save")} close={close} />
      </div>
    </form>
  );
}
