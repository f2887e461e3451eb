import { DeskWords } from "../desk/language.tsx";
import type { MasterMessages } from "../i18n/messages.gen.ts";
import { bothRooms, roomOf, type RoomTranslator } from "../i18n/room.tsx";

export type MasterTranslator = RoomTranslator<MasterMessages>;

/** The words of master data, and those of the desk whose parts its screen uses. */
const room = roomOf<MasterMessages>("master data", {
  en: () => import("../../messages/en/master.json"),
  "zh-CN": () => import("../../messages/zh-CN/master.json"),
});

export const useMaster = room.useRoom;
export const MasterWords = bothRooms(room.Words, DeskWords);
