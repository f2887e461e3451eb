import type { DeskMessages } from "../i18n/messages.gen.ts";
import { roomOf, type RoomTranslator } from "../i18n/room.tsx";

export type DeskTranslator = RoomTranslator<DeskMessages>;

/** The words of the order desk's screens: the staff's, and those that the floor does not need. */
const room = roomOf<DeskMessages>("the order desk", {
  en: () => import("../../messages/en/desk.json"),
  "zh-CN": () => import("../../messages/zh-CN/desk.json"),
});

export const useDesk = room.useRoom;
export const DeskWords = room.Words;
