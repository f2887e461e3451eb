import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CommonMessages, StaffMessages } from "../src/i18n/messages.gen.ts";
import type { StaffTranslator } from "../src/i18n/staff.tsx";
import { createTranslator, LANGUAGES, type Language } from "../src/i18n/translator.ts";
import { signInProblem } from "../src/session/problem.ts";

/** What the API ends a refused sign-in with (`api/auth/oidc`). */
const CODES = ["state", "denied", "unavailable", "token", "unknown", "disabled", "no-role", "no-site", "no-customer"];

function words(language: Language): StaffTranslator {
  const texts: Record<string, string> = {};
  for (const group of ["common", "staff"]) Object.assign(texts, JSON.parse(readFileSync(`messages/${language}/${group}.json`, "utf8")));
  return createTranslator<CommonMessages & StaffMessages>(language, texts);
}

describe("why signing in with the provider did not work", () => {
  it("is told in words of its own for every code, in both languages", () => {
    for (const language of LANGUAGES) {
      const told = CODES.map((code) => signInProblem(words(language), `oidc-${code}`, "Example Corp"));
      expect(new Set(told).size).toBe(CODES.length);
      for (const one of told) expect(one).not.toMatch(/oidc|[{}]/);
    }
    expect(signInProblem(words("en"), "oidc-unavailable", "Example Corp")).toBe("Example Corp cannot be reached just now. Try again in a minute.");
    expect(signInProblem(words("zh-CN"), "oidc-disabled", "Example Corp")).toBe("您在这里的账号已停用。请联系管理员。");
  });

  it("names a code that has no words", () => {
    for (const code of ["oidc-new", "oidc-other", "whatever", "oidc-"]) {
      expect(signInProblem(words("en"), code, "Example Corp")).toBe(`Signing in with Example Corp did not work (${code}). Begin again, or ask your administrator.`);
    }
    expect(signInProblem(words("en"), "x".repeat(500), "Example Corp").length).toBeLessThan(200);
  });
});
