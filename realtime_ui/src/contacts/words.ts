import { useEffect, useState } from "react";
import type { CommonMessages, ContactsMessages } from "../i18n/messages.gen.ts";
import { createTranslator, type Language, type Translator } from "../i18n/translator.ts";

export type ContactTranslator = Translator<CommonMessages & ContactsMessages>;

const loaders = {
  en: () => Promise.all([import("../../messages/en/common.json"), import("../../messages/en/contacts.json")]),
  "zh-CN": () => Promise.all([import("../../messages/zh-CN/common.json"), import("../../messages/zh-CN/contacts.json")]),
};

/** The words of who is told when a date moves, in a language. */
export async function loadContactWords(language: Language): Promise<ContactTranslator> {
  const [common, contacts] = await loaders[language]();
  return createTranslator(language, { ...common.default, ...contacts.default });
}

/** The same for a component; null until they are here. */
export function useContactWords(language: Language): ContactTranslator | null {
  const [words, setWords] = useState<ContactTranslator | null>(null);
  useEffect(() => {
    let wanted = true;
    void loadContactWords(language).then((loaded) => {
      if (wanted) setWords(() => loaded);
    });
    return () => { wanted = false; };
  }, [language]);
  return words;
}

/** A tolerance as people say it. */
export function toleranceWords(t: ContactTranslator, minutes: number): string {
  if (minutes % 1_440 === 0) return t("contacts.tolerance_days", { n: minutes / 1_440 });
  if (minutes % 60 === 0) return t("contacts.tolerance_hours", { n: minutes / 60 });
  return t("contacts.tolerance_minutes", { n: minutes });
}

/** Tolerances to choose from, in minutes. */
export const TOLERANCES: readonly number[] = [30, 60, 120, 240, 480, 1_440, 2_880, 4_320, 10_080];
