import { createContext, useContext, useEffect, useState, type ReactElement, type ReactNode } from "react";
import { DeskWords } from "../desk/language.tsx";
import type { CommonMessages, AlarmsMessages, StaffMessages } from "../i18n/messages.gen.ts";
import { useT } from "../i18n/staff.tsx";
import { createTranslator, type Language, type Translator } from "../i18n/translator.ts";

export type AlarmTranslator = Translator<CommonMessages & StaffMessages & AlarmsMessages>;

const loaders = {
  en: () => Promise.all([import("../../messages/en/common.json"), import("../../messages/en/staff.json"), import("../../messages/en/alarms.json")]),
  "zh-CN": () => Promise.all([import("../../messages/zh-CN/common.json"), import("../../messages/zh-CN/staff.json"), import("../../messages/zh-CN/alarms.json")]),
};

async function loadAlarmWords(language: Language): Promise<AlarmTranslator> {
  const [common, staff, alarms] = await loaders[language]();
  return createTranslator(language, { ...common.default, ...staff.default, ...alarms.default });
}

const Context = createContext<AlarmTranslator | null>(null);

export function useAlarms(): AlarmTranslator {
  const words = useContext(Context);
  if (words === null) throw new Error("there are no words of alarms above this component");
  return words;
}

/** Loads the words of the screen, and those of the desk whose parts it uses. */
export function AlarmWords({ children, skeleton }: { children: ReactNode; skeleton: ReactNode }): ReactElement {
  const { language } = useT();
  const [words, setWords] = useState<AlarmTranslator | null>(null);
  useEffect(() => {
    let wanted = true;
    void loadAlarmWords(language).then((loaded) => {
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
