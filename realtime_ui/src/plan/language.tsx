import { createContext, useContext, useEffect, useState, type ReactElement, type ReactNode } from "react";
import type { CommonMessages, PlanMessages, StaffMessages } from "../i18n/messages.gen.ts";
import { useT } from "../i18n/staff.tsx";
import { createTranslator, type Language, type Translator } from "../i18n/translator.ts";

export type PlanTranslator = Translator<CommonMessages & StaffMessages & PlanMessages>;

const loaders = {
  en: () => Promise.all([import("../../messages/en/common.json"), import("../../messages/en/staff.json"), import("../../messages/en/plan.json")]),
  "zh-CN": () => Promise.all([import("../../messages/zh-CN/common.json"), import("../../messages/zh-CN/staff.json"), import("../../messages/zh-CN/plan.json")]),
};

/** The words of the planning screens: the staff's, and those of planning, which no other screen loads. */
export async function loadPlanWords(language: Language): Promise<PlanTranslator> {
  const [common, staff, plan] = await loaders[language]();
  return createTranslator(language, { ...common.default, ...staff.default, ...plan.default });
}

const Context = createContext<PlanTranslator | null>(null);

export function usePlanWords(): PlanTranslator {
  const words = useContext(Context);
  if (words === null) throw new Error("there are no words of planning above this component");
  return words;
}

/** Loads the words in the language of the page; until they are here, `children` waits. */
export function PlanWords({ children, skeleton }: { children: ReactNode; skeleton: ReactNode }): ReactElement {
  const { language } = useT();
  const [words, setWords] = useState<PlanTranslator | null>(null);
  useEffect(() => {
    let wanted = true;
    void loadPlanWords(language).then((loaded) => {
      if (wanted) setWords(() => loaded);
    });
    return () => { wanted = false; };
  }, [language]);
  return words === null ? <>{skeleton}</> : <Context value={words}>{children}</Context>;
}
