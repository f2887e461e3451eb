import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useEffect, useState, type ReactElement } from "react";
import { createRoot } from "react-dom/client";
import { api } from "./api/endpoints.ts";
import { Problem } from "./api/problem.ts";
import { router } from "./app/router.tsx";
import { ThemeProvider } from "./app/theme.ts";
import { firstLanguage, otherLanguage, rememberLanguage } from "./i18n/language.ts";
import { loadStaffWords, WordsProvider, type StaffTranslator } from "./i18n/staff.tsx";
import { browserWorld } from "./live/browser.ts";
import { LiveClient, TicketRefused } from "./live/client.ts";
import { LiveProvider } from "./live/react.tsx";
import { forgetSession } from "./session/session.ts";
import { firstTheme, rememberTheme, showTheme } from "./theme/theme.ts";
import "./theme/tokens.css";
import "./theme/base.css";
import "./app/app.css";

function isSignedOut(error: unknown): boolean {
  return error instanceof Problem && error.status === 401;
}

const queries = new QueryClient({
  queryCache: new QueryCache({ onError: (error) => { if (isSignedOut(error)) forgetSession(queries); } }),
  defaultOptions: {
    queries: {
      // What the server refuses is refused the second time as well; a network may come back.
      retry: (failures, error) => !(error instanceof Problem && error.status < 500) && failures < 2,
      refetchOnWindowFocus: false,
    },
  },
});

const live = new LiveClient(
  browserWorld(async () => {
    try {
      return (await api.liveTicket()).ticket;
    } catch (error) {
      if (!isSignedOut(error)) throw error;
      forgetSession(queries);
      throw new TicketRefused("signed out", { cause: error });
    }
  }),
);
addEventListener("online", () => { live.retry(); });
addEventListener("offline", () => { live.interrupt(); });

function App({ words }: { words: StaffTranslator }): ReactElement {
  const [t, setWords] = useState(() => words);
  const [theme, setTheme] = useState(firstTheme);
  useEffect(() => {
    document.documentElement.lang = t.language;
  }, [t]);
  useEffect(() => { showTheme(theme); }, [theme]);
  const switchLanguage = (): void => {
    const next = otherLanguage(t.language);
    void loadStaffWords(next).then((loaded) => {
      rememberLanguage(next);
      setWords(() => loaded);
    });
  };
  const switchTheme = (): void => {
    const next = theme === "hall" ? "office" : "hall";
    rememberTheme(next);
    setTheme(next);
  };
  return (
    <WordsProvider value={{ t, switchLanguage }}>
      <ThemeProvider value={{ theme, switchTheme }}>
        <QueryClientProvider client={queries}>
          <LiveProvider value={live}>
            <RouterProvider router={router} />
          </LiveProvider>
        </QueryClientProvider>
      </ThemeProvider>
    </WordsProvider>
  );
}

showTheme(firstTheme());
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
void loadStaffWords(firstLanguage()).then((words) => {
  createRoot(root).render(
    <StrictMode>
      <App words={words} />
    </StrictMode>,
  );
});
