import { createContext, useContext, useEffect, useState, type ReactElement, type ReactNode } from "react";
import type { CommonMessages, ReportsMessages, StaffMessages } from "../i18n/messages.gen.ts";
import { useT } from "../i18n/staff.tsx";
import { createTranslator, type Language, type Translator } from "../i18n/translator.ts";

export type ReportTranslator = Translator<CommonMessages & StaffMessages & ReportsMessages>;

const loaders = {
  en: () => Promise.all([import("../../messages/en/common.json"), import("../../messages/en/staff.json"), import("../../messages/en/reports.json")]),
  "zh-CN": () => Promise.all([import("../../messages/zh-CN/common.json"), import("../../messages/zh-CN/staff.json"), import("../../messages/zh-CN/reports.json")]),
};

/** The words of the reports: the staff's, and those that no other screen needs. */
async function loadReportWords(language: Language): Promise<ReportTranslator> {
  const [common, staff, reports] = await loaders[language]();
  return createTranslator(language, { ...common.default, ...staff.default, ...reports.default });
}

const Context = createContext<ReportTranslator | null>(null);

export function useReportWords(): ReportTranslator {
  const words = useContext(Context);
  if (words === null) throw new Error("there are no words of the reports above this component");
  return words;
}

/** Loads the words in the language of the page; until they are here, `skeleton` stands in. */
export function ReportWords({ children, skeleton }: { children: ReactNode; skeleton: ReactNode }): ReactElement {
  const { language } = useT();
  const [words, setWords] = useState<ReportTranslator | null>(null);
  useEffect(() => {
    let wanted = true;
    void loadReportWords(language).then((loaded) => {
      if (wanted) setWords(() => loaded);
    });
    return () => { wanted = false; };
  }, [language]);
  return words === null ? <>{skeleton}</> : <Context value={words}>{children}</Context>;
}
