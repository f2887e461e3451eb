import { IntlMessageFormat } from "intl-messageformat";

export type Language = "en" | "zh-CN";
export const LANGUAGES: readonly Language[] = ["en", "zh-CN"];

/** What a key needs besides itself: nothing, or its message's arguments. */
type Arguments<M, K extends keyof M> = M[K] extends null ? [] : [values: M[K]];

/** Gives a message of the group M in one language. */
export interface Translator<M> {
  <K extends keyof M & string>(key: K, ...values: Arguments<M, K>): string;
  readonly language: Language;
  /** Whether there is a message of that key: for words that come from the server. */
  has(key: string): boolean;
}

/** A translator over `texts`, which must hold every key of M. Messages are parsed when first used. */
export function createTranslator<M>(language: Language, texts: Record<string, string>): Translator<M> {
  const formats = new Map<string, IntlMessageFormat>();
  const translate = (key: string, values?: Record<string, string | number | Date>): string => {
    let format = formats.get(key);
    if (format === undefined) {
      const text = texts[key];
      if (text === undefined) return key;
      format = new IntlMessageFormat(text, language);
      formats.set(key, format);
    }
    return String(format.format(values));
  };
  return Object.assign(translate, { language, has: (key: string) => key in texts }) as Translator<M>;
}

/** A word of the server's in words: its message, or the code made readable. */
export function wordOf<M>(t: Translator<M>, family: string, code: string): string {
  for (const key of [`${family}.${code}`, `${family}.${code.trim().toLowerCase().replace(/[\s-]+/g, "_")}`]) {
    if (t.has(key)) return (t as unknown as (key: string) => string)(key);
  }
  const words = code.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
