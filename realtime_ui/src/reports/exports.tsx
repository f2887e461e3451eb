import type { ReactElement, RefObject } from "react";
import { Menu } from "../app/menu.tsx";
import { tell } from "../app/toasts.tsx";
import { reasonOf } from "../ui/states.tsx";
import { fileAddress } from "./api.ts";
import { pngFile, svgFile } from "./charts/image.ts";
import { useReportWords } from "./language.tsx";
import type { ReportQuery } from "./search.ts";

interface ExportsProps {
  /** The report's name in the API. */
  name: string;
  query: ReportQuery;
  title: string;
  /** What stands below the title on a picture: the period, and as of when. */
  period: string;
  /** Null: a table is shown, of which there is no picture. */
  svg: RefObject<SVGSVGElement | null> | null;
}

const KEPT_MS = 10_000;

/** Hand a file to the browser. */
function keep(name: string, file: Blob): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => { URL.revokeObjectURL(url); }, KEPT_MS);
}

/** A chart as a picture, its figures as a file. */
export function Exports({ name, query, title, period, svg }: ExportsProps): ReactElement {
  const t = useReportWords();
  const file = `${name}-${query.from}-${query.to}`;
  const picture = async (format: "png" | "svg"): Promise<void> => {
    const drawing = svg?.current;
    if (drawing == null) return;
    const text = svgFile(drawing, title, period);
    if (format === "svg") keep(`${file}.svg`, new Blob([text], { type: "image/svg+xml" }));
    else keep(`${file}.png`, await pngFile(text));
  };
  const take = (format: "png" | "svg"): void => {
    picture(format).catch((error: unknown) => { tell(reasonOf(t, error), { bad: true }); });
  };
  return (
    <Menu label={t("reports.export")} testid={`export-${name}`}>
      <ul className="ways">
        {svg !== null && (
          <>
            <li>
              <button type="button" className="menu-button" onClick={() => { take("png"); }} data-testid={`export-${name}-png`}>
                {t("reports.export_png")}
              </button>
            </li>
            <li>
              <button type="button" className="menu-button" onClick={() => { take("svg"); }} data-testid={`export-${name}-svg`}>
                {t("reports.export_svg")}
              </button>
            </li>
          </>
        )}
        {(["csv", "xlsx", "pdf"] as const).map((format) => (
          <li key={format}>
            <a href={fileAddress(name, query, format)} download data-testid={`export-${name}-${format}`}>
              {t(`reports.export_${format}`)}
            </a>
          </li>
        ))}
      </ul>
    </Menu>
  );
}
