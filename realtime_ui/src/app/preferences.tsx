import type { ReactElement } from "react";
import { useWords } from "../i18n/staff.tsx";
import { Glyph } from "../ui/glyph.tsx";
import { useTheme } from "./theme.ts";

/** Language and theme, one press each. */
export function Preferences(): ReactElement {
  const { t, switchLanguage } = useWords();
  const { theme, switchTheme } = useTheme();
  return (
    <div className="preferences">
      <button type="button" className="button button-quiet" lang={t.language === "en" ? "zh-CN" : "en"} aria-label={t("language.switch_label")} onClick={switchLanguage}>
        {t("language.switch")}
      </button>
      <button type="button" className="button button-quiet" onClick={switchTheme} title={t("theme.switch")} aria-label={t("theme.switch")} data-theme-now={theme}>
        <Glyph name="theme" />
      </button>
    </div>
  );
}
