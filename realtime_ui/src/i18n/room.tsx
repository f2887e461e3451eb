import { createContext, useContext, useEffect, useState, type ComponentType, type ReactElement, type ReactNode } from "react";
import type { CommonMessages, StaffMessages } from "./messages.gen.ts";
import { loadStaffTexts, useT } from "./staff.tsx";
import { createTranslator, type Language, type Translator } from "./translator.ts";

/** A room's translator: the staff's words, and those that no other screen needs. */
export type RoomTranslator<M> = Translator<CommonMessages & StaffMessages & M>;

/** How a room's own messages are fetched, per language. */
type Loaders = Record<Language, () => Promise<{ default: Record<string, string> }>>;

interface ProviderProps {
  children: ReactNode;
  /** Stands in until the words are there. */
  skeleton: ReactNode;
}

interface Room<M> {
  load: (language: Language) => Promise<RoomTranslator<M>>;
  /** The words, for components below `Words`. */
  useRoom: () => RoomTranslator<M>;
  /** Loads the words in the language of the page; until they are here, `children` waits. */
  Words: ComponentType<ProviderProps>;
}

/** The words of a room, which only its screens load. `name` says in an error whose words are missing. */
export function roomOf<M>(name: string, loaders: Loaders): Room<M> {
  const Context = createContext<RoomTranslator<M> | null>(null);

  async function load(language: Language): Promise<RoomTranslator<M>> {
    const [staff, own] = await Promise.all([loadStaffTexts(language), loaders[language]()]);
    return createTranslator(language, { ...staff, ...own.default });
  }

  function useRoom(): RoomTranslator<M> {
    const words = useContext(Context);
    if (words === null) throw new Error(`there are no words of ${name} above this component`);
    return words;
  }

  function Words({ children, skeleton }: ProviderProps): ReactElement {
    const { language } = useT();
    const [words, setWords] = useState<RoomTranslator<M> | null>(null);
    useEffect(() => {
      let wanted = true;
      void load(language).then((loaded) => {
        if (wanted) setWords(() => loaded);
      });
      return () => { wanted = false; };
    }, [language]);
    return words === null ? <>{skeleton}</> : <Context value={words}>{children}</Context>;
  }

  return { load, useRoom, Words };
}

/** The words of two rooms for screens that use parts of both: `Outer` first, then `Inner`. */
export function bothRooms(Outer: ComponentType<ProviderProps>, Inner: ComponentType<ProviderProps>): ComponentType<ProviderProps> {
  return function Both({ children, skeleton }: ProviderProps): ReactElement {
    return (
      <Outer skeleton={skeleton}>
        <Inner skeleton={skeleton}>{children}</Inner>
      </Outer>
    );
  };
}
