import { createContext, useContext, useEffect, useState, type ReactElement, type ReactNode } from "react";
import { DeskWords } from "../desk/language.tsx";
import type { CommonMessages, MasterMessages, StaffMessages } from "../i18n/messages.gen.ts";
import { useT } from "../i18n/staff.tsx";
import { createTranslator, type Language, type Translator } from "../i18n/translator.ts";

export type MasterTranslator = Translator<CommonMessages & StaffMessages & MasterMessages>;

const loaders = {
  en: () => Promise.all([import("../../messages/en/common.json"), import("../../messages/en/staff.json"), import("../../messages/en/master.json")]),
  "zh-CN": () => Promise.all([import("../../messages/zh-CN/common.json"), import("../../messages/zh-CN/staff.json"), import("../../messages/zh-CN/master.json")]),
};

async function loadMasterWords(language: Language): Promise<MasterTranslator> {
  const [common, staff, master] = await loaders[language]();
  return createTranslator(language, { ...common.default, ...staff.default, ...master.default });
}

const Context = createContext<MasterTranslator | null>(null);

export function useMaster(): MasterTranslator {
  const words = useContext(Context);
  if (words === null) throw new Error("there are no words of master data above this component");
  return words;
}

/** Loads the words of the screen, and those of the desk whose parts it uses. */
export function MasterWords({ children, skeleton }: { children: ReactNode; skeleton: ReactNode }): ReactElement {
  const { language } = useT();
  const [words, setWords] = useState<MasterTranslator | null>(null);
  useEffect(() => {
    let wanted = true;
    void loadMasterWords(language).then((loaded) => {
      if (wanted) setWords(() => loaded);
    });
    return () => { wanted = false; };
  }, [language]);
  if (words === null) return <>{skeleton}</>;
  return (
    <DeskWords skeleton={skeleton}>
      <Context value={words}>{children}</Context>
    </DeskWords>
  );
}
