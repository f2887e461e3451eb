import type { PlanMessages } from "../i18n/messages.gen.ts";
import { roomOf, type RoomTranslator } from "../i18n/room.tsx";

export type PlanTranslator = RoomTranslator<PlanMessages>;

/** The words of the planning screens: the staff's, and those of planning, which no other screen loads. */
const room = roomOf<PlanMessages>("planning", {
  en: () => import("../../messages/en/plan.json"),
  "zh-CN": () => import("../../messages/zh-CN/plan.json"),
});

export const usePlanWords = room.useRoom;
export const PlanWords = room.Words;
export const loadPlanWords = room.load;
