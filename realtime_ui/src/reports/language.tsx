import type { ReportsMessages } from "../i18n/messages.gen.ts";
import { roomOf, type RoomTranslator } from "../i18n/room.tsx";

export type ReportTranslator = RoomTranslator<ReportsMessages>;

/** The words of the reports: the staff's, and those that no other screen needs. */
const room = roomOf<ReportsMessages>("the reports", {
  en: () => import("../../messages/en/reports.json"),
  "zh-CN": () => import("../../messages/zh-CN/reports.json"),
});

export const useReportWords = room.useRoom;
export const ReportWords = room.Words;
