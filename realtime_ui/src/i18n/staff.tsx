import { createContext, useContext } from "react";
import type { CommonMessages, StaffMessages } from "./messages.gen.ts";
import { createTranslator, type Language, type Translator } from "./translator.ts";

export type StaffTranslator = Translator<CommonMessages & StaffMessages>;

const loaders = {
  en: () => Promise.all([import("../../messages/en/common.json"), import("../../messages/en/staff.json")]),
  "zh-CN": () => Promise.all([import("../../messages/zh-CN/common.json"), import("../../messages/zh-CN/staff.json")]),
};

/** The messages of every staff screen in a language, by key. */
export async function loadStaffTexts(language: Language): Promise<Record<string, string>> {
  const [common, staff] = await loaders[language]();
  return { ...common.default, ...staff.default };
}

/** The words of the staff's screens in a language. */
export async function loadStaffWords(language: Language): Promise<StaffTranslator> {
  return createTranslator(language, await loadStaffTexts(language));
}

const Context = createContext<{ t: StaffTranslator; switchLanguage: () => void } | null>(null);

export const WordsProvider = Context;

export function useWords(): { t: StaffTranslator; switchLanguage: () => void } {
  const words = useContext(Context);
  if (words === null) throw new Error("there are no words above this component");
  return words;
}

export function useT(): StaffTranslator {
  return useWords().t;
}
