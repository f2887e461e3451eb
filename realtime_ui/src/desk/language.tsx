import { createContext, useContext, useEffect, useState, type ReactElement, type ReactNode } from "react";
import type { CommonMessages, DeskMessages, StaffMessages } from "../i18n/messages.gen.ts";
import { useT } from "../i18n/staff.tsx";
import { createTranslator, type Language, type Translator } from "../i18n/translator.ts";

export type DeskTranslator = Translator<CommonMessages & StaffMessages & DeskMessages>;

const loaders = {
  en: () => Promise.all([import("../../messages/en/common.json"), import("../../messages/en/staff.json"), import("../../messages/en/desk.json")]),
  "zh-CN": () => Promise.all([import("../../messages/zh-CN/common.json"), import("../../messages/zh-CN/staff.json"), import("../../messages/zh-CN/desk.json")]),
};

/** The words of the order desk's screens: the staff's, and those that the floor does not need. */
async function loadDeskWords(language: Language): Promise<DeskTranslator> {
  const [common, staff, desk] = await loaders[language]();
  return createTranslator(language, { ...common.default, ...staff.default, ...desk.default });
}

const Context = createContext<DeskTranslator | null>(null);

export function useDesk(): DeskTranslator {
  const words = useContext(Context);
  if (words === null) throw new Error("there are no words of the order desk above this component");
  return words;
}

/** Loads the words in the language of the page; until they are here, `children` waits. */
export function DeskWords({ children, skeleton }: { children: ReactNode; skeleton: ReactNode }): ReactElement {
  const { language } = useT();
  const [words, setWords] = useState<DeskTranslator | null>(null);
  useEffect(() => {
    let wanted = true;
    void loadDeskWords(language).then((loaded) => {
      if (wanted) setWords(() => loaded);
    });
    return () => { wanted = false; };
  }, [language]);
  return words === null ? <>{skeleton}</> : <Context value={words}>{children}</Context>;
}
