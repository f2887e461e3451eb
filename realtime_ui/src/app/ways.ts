import { usePermission } from "../session/session.ts";
import { WAYS, type Way } from "./keys.ts";

/** The screens that this person may see, in the order of the navigation. */
export function useWays(): readonly Way[] {
  const may = { read: usePermission("read"), order: usePermission("order"), dead_letters: usePermission("dead_letters"), own_orders: usePermission("own_orders") };
  return WAYS.filter((way) => may[way.needs]);
}
