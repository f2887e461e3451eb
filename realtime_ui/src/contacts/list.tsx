import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import type { Contact } from "../api/types.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Failed, reasonOf, Skeleton } from "../ui/states.tsx";
import { ContactForm } from "./form.tsx";
import type { ContactSource } from "./source.ts";
import { toleranceWords, useContactWords, type ContactTranslator } from "./words.ts";
import "./contacts.css";

/** Who is told when a date moves; they are put in, changed and forgotten here. */
export function Contacts({ source }: { source: ContactSource }): ReactElement {
  const { language } = useT();
  const t = useContactWords(language);
  return (
    <section className="contacts" aria-labelledby="contacts" data-testid="contacts">
      {t === null ? <Skeleton width="100%" height="96px" /> : <Listed t={t} source={source} />}
    </section>
  );
}

function Listed({ t, source }: { t: ContactTranslator; source: ContactSource }): ReactElement {
  const staff = useT();
  const queries = useQueryClient();
  const [open, setOpen] = useState<Contact | "new" | null>(null);
  const [leaving, setLeaving] = useState<Contact | null>(null);
  const contacts = useQuery({ queryKey: source.key, queryFn: source.list });
  const remove = useMutation({ mutationFn: source.remove, onSettled: () => queries.invalidateQueries({ queryKey: source.key }) });
  const close = (): void => { setOpen(null); };
  return (
    <>
      <h3 id="contacts">{t("contacts.title")}</h3>
      <p className="faint">{t("contacts.intro")}</p>
      {contacts.isError && contacts.data === undefined ? (
        <Failed what={t("contacts.failed")} error={contacts.error} retry={() => void contacts.refetch()} />
      ) : contacts.data === undefined ? (
        <Skeleton width="100%" height="64px" />
      ) : contacts.data.items.length === 0 ? (
        open !== "new" && <p>{t("contacts.empty")}</p>
      ) : (
        <ul className="contact-list">
          {contacts.data.items.map((contact) =>
            open !== null && open !== "new" && open.id === contact.id ? (
              <li key={contact.id}>
                <ContactForm t={t} source={source} contact={contact} close={close} />
              </li>
            ) : (
              <Row key={contact.id} t={t} contact={contact} edit={() => { setOpen(contact); }} remove={() => { setLeaving(contact); }} />
            ),
          )}
        </ul>
      )}
      {remove.isError && <p role="alert">{reasonOf(staff, remove.error)}</p>}
      {open === "new" ? (
        <ContactForm t={t} source={source} contact={null} close={close} />
      ) : (
        <button type="button" className="button" onClick={() => { setOpen("new"); }} data-testid="contact-add">
          {t("contacts.add")}
        </button>
      )}
      {leaving !== null && (
        <Confirm title={t("contacts.remove")} text={t("contacts.confirm_remove", { name: leaving.name })} action={t("contacts.remove")} danger close={() => { setLeaving(null); }} confirm={() => { remove.mutate(leaving); }} />
      )}
    </>
  );
}

function Row({ t, contact, edit, remove }: { t: ContactTranslator; contact: Contact; edit: () => void; remove: () => void }): ReactElement {
  const more = [
    t("contacts.tolerates", { tolerance: toleranceWords(t, contact.tolerance_minutes) }) + (contact.counted === "working" ? ` (${t("contact_counted.working")})` : ""),
    wordOf(t, "contact_language", contact.language),
    ...contact.quiet.map(({ from, until }) => t("contacts.quiet", { from, until, zone: contact.time_zone.replaceAll("_", " ") })),
    ...(contact.order === null ? [] : [t("contacts.order_only", { order: contact.order })]),
  ];
  return (
    <li className="contact" data-testid={`contact-${contact.address}`}>
      <div>
        <p>
          <strong>{contact.name}</strong> · {contact.channel === "web_push" ? wordOf(t, "contact_channel", contact.channel) : contact.address}
        </p>
        <p className="faint">{more.join(" · ")}</p>
        <p className={contact.state === "told" ? "faint" : "contact-not"}>{wordOf(t, "contact_state", contact.state)}</p>
      </div>
      <div className="contact-actions">
        <button type="button" className="button button-quiet" onClick={edit} aria-label={`${t("contacts.edit")}: ${contact.name}`}>
          {t("contacts.edit")}
        </button>
        <button type="button" className="button button-quiet" onClick={remove} aria-label={`${t("contacts.remove")}: ${contact.name}`}>
          {t("contacts.remove")}
        </button>
      </div>
    </li>
  );
}
