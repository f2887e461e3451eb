export type Theme = "hall" | "office";

const STORED = "gemba.theme";

function isTheme(value: string | null): value is Theme {
  return value === "hall" || value === "office";
}

/** `?theme=`, what was chosen before, near-black on a wall, or what the system prefers. */
export function firstTheme(): Theme {
  const query = new URLSearchParams(location.search);
  const asked = query.get("theme");
  if (isTheme(asked)) return asked;
  try {
    const stored = localStorage.getItem(STORED);
    if (isTheme(stored)) return stored;
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
  if (query.get("wall") === "1") return "hall";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "hall" : "office";
}

export function showTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
}

export function rememberTheme(theme: Theme): void {
  try {
    localStorage.setItem(STORED, theme);
  } catch {
    // See firstTheme().
  }
}
