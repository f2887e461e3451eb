import { StrictMode, useEffect, useState, type ReactElement } from "react";
import { createRoot } from "react-dom/client";
import { firstLanguage, otherLanguage, rememberLanguage } from "../i18n/language.ts";
import { firstTheme, showTheme } from "../theme/theme.ts";
import { TrackingPage } from "./page.tsx";
import { TrackingSource } from "./source.ts";
import { loadTrackingWords, type TrackingTranslator } from "./words.ts";
import "../theme/tokens.css";
import "../theme/base.css";
import "./tracking.css";

// The token stands in the address: /t/<token>.
const token = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const source = new TrackingSource(token);

function App({ words }: { words: TrackingTranslator }): ReactElement {
  const [t, setWords] = useState(() => words);
  const view = source.state().view;
  useEffect(() => {
    document.documentElement.lang = t.language;
    document.title = view === null ? document.title : t("tracking.title", { number: view.number });
  }, [t, view]);
  const switchLanguage = (): void => {
    const next = otherLanguage(t.language);
    void loadTrackingWords(next).then((loaded) => {
      rememberLanguage(next);
      setWords(() => loaded);
    });
  };
  return <TrackingPage t={t} token={token} source={source} switchLanguage={switchLanguage} />;
}

showTheme(firstTheme());
const root = document.getElementById("root");
if (root === null) throw new Error("tracking.html has no #root");
void loadTrackingWords(firstLanguage()).then((words) => {
  createRoot(root).render(
    <StrictMode>
      <App words={words} />
    </StrictMode>,
  );
});
