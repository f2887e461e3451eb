import { LANGUAGES, type Language } from "./translator.ts";

const STORED = "gemba.language";

function known(value: string | null | undefined): Language | null {
  if (value == null) return null;
  return LANGUAGES.find((language) => language === value) ?? (value.toLowerCase().startsWith("zh") ? "zh-CN" : value.toLowerCase().startsWith("en") ? "en" : null);
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    // Storage is forbidden, as in some embedded browsers: the choice lasts as long as the page.
    return null;
  }
}

/** The language to start in: `?lang=`, what was chosen before, or the browser's first known one. */
export function firstLanguage(): Language {
  const asked = known(new URLSearchParams(location.search).get("lang"));
  return asked ?? known(stored()) ?? navigator.languages.map(known).find((language) => language !== null) ?? "en";
}

export function rememberLanguage(language: Language): void {
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // See stored().
  }
}

export function otherLanguage(language: Language): Language {
  return language === "en" ? "zh-CN" : "en";
}
