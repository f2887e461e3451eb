import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactElement, type ReactNode } from "react";
import { Glyph } from "../ui/glyph.tsx";

interface MenuProps {
  label: string;
  /** Drawn before the label; what opens is always marked behind it. */
  glyph?: string;
  /** Whether the screen that is shown is one of those inside. */
  active?: boolean;
  testid: string;
  children: ReactNode;
}

/**
 * A button that opens a list of links (a disclosure, not an ARIA menu: links stay links, with all that a
 * browser does with them). Enter or Space opens, arrows, Home and End move, Esc closes and leads back.
 */
export function Menu({ label, glyph, active = false, testid, children }: MenuProps): ReactElement {
  const [open, setOpen] = useState(false);
  const panel = useId();
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const wanted = useRef<"first" | "last" | null>(null);
  const inside = (): HTMLElement[] => [...(root.current?.querySelectorAll<HTMLElement>(".menu-panel a, .menu-panel button") ?? [])];

  useEffect(() => {
    if (!open) return undefined;
    if (wanted.current !== null) inside().at(wanted.current === "first" ? 0 : -1)?.focus();
    wanted.current = null;
    // By the pointer, not by the loss of focus: not every browser gives focus to what is clicked.
    const outside = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    return () => { document.removeEventListener("pointerdown", outside); };
  }, [open]);

  const press = (event: KeyboardEvent): void => {
    const places = inside();
    const at = places.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: places.length - 1 }[event.key];
    if (event.key === "Escape" && open) {
      setOpen(false);
      button.current?.focus();
    } else if (!open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      wanted.current = event.key === "ArrowDown" ? "first" : "last";
      setOpen(true);
    } else if (open && to !== undefined && places.length > 0) {
      places.at(to % places.length)?.focus();
    } else {
      return;
    }
    event.preventDefault();
  };

  return (
    // Keys bubble up from the button and the links inside: the element itself is nothing to act on.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      ref={root}
      className="menu"
      onKeyDown={press}
      onBlur={(event) => {
        if (event.relatedTarget !== null && !event.currentTarget.contains(event.relatedTarget)) setOpen(false);
      }}
      data-testid={testid}
    >
      <button ref={button} type="button" className="menu-button" aria-expanded={open} aria-controls={panel} data-status={active ? "active" : undefined} onClick={() => { setOpen(!open); }}>
        {glyph !== undefined && <Glyph name={glyph} />}
        {label}
        <Glyph name={open ? "folded_out" : "folded"} />
      </button>
      {/* eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions -- Enter on a link inside is a click */}
      <div
        id={panel}
        className="menu-panel"
        hidden={!open}
        onClick={(event) => {
          if ((event.target as HTMLElement).closest("a, button") !== null) setOpen(false);
        }}
      >
        {children}
      </div>
    </div>
  );
}
