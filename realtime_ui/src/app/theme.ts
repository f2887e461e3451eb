import { createContext, useContext } from "react";
import type { Theme } from "../theme/theme.ts";

const Context = createContext<{ theme: Theme; switchTheme: () => void } | null>(null);

export const ThemeProvider = Context;

export function useTheme(): { theme: Theme; switchTheme: () => void } {
  const theme = useContext(Context);
  if (theme === null) throw new Error("there is no theme above this component");
  return theme;
}
