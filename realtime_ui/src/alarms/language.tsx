import { DeskWords } from "../desk/language.tsx";
import type { AlarmsMessages } from "../i18n/messages.gen.ts";
import { bothRooms, roomOf, type RoomTranslator } from "../i18n/room.tsx";

export type AlarmTranslator = RoomTranslator<AlarmsMessages>;

/** The words of the alarms' screens, and those of the desk whose parts they use. */
const room = roomOf<AlarmsMessages>("alarms", {
  en: () => import("../../messages/en/alarms.json"),
  "zh-CN": () => import("../../messages/zh-CN/alarms.json"),
});

export const useAlarms = room.useRoom;
export const AlarmWords = bothRooms(room.Words, DeskWords);
