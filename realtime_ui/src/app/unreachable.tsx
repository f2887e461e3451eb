import type { ReactElement, ReactNode } from "react";
import { Unreachable } from "../api/problem.ts";
import { useT } from "../i18n/staff.tsx";
import { useLive, useUnreachable } from "../live/react.tsx";
import { Failed } from "../ui/states.tsx";

/** The skeleton while a live screen loads; when nothing comes, what is wrong and a way on. */
export function LiveLoading({ children }: { children: ReactNode }): ReactElement {
  const t = useT();
  const live = useLive();
  if (!useUnreachable()) return <>{children}</>;
  return <Failed what={t("error.live")} error={new Unreachable()} retry={() => { live.retry(); }} />;
}
