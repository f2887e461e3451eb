import type { ReactElement } from "react";
import type { OrderView } from "../api/types.ts";
import { useZone } from "../app/sites.ts";
import { formatMoment, formatNumber, timeOf } from "../i18n/format.ts";
import { useT } from "../i18n/staff.tsx";
import { wordOf } from "../i18n/translator.ts";
import { useNow } from "../ui/clock.ts";

/** The order's shipments: what the warehouse has picked, packed and shipped so far. */
export function Deliveries({ order }: { order: OrderView }): ReactElement | null {
  const t = useT();
  const now = useNow();
  const zone = useZone(order.site);
  const deliveries = order.deliveries ?? [];
  if (deliveries.length === 0) return null;
  return (
    <section aria-labelledby="deliveries">
      <h2 id="deliveries" className="section">
        {t("order.deliveries")}
      </h2>
      <ol className="order-deliveries" data-testid="order-deliveries">
        {deliveries.map((delivery) => {
          const at = timeOf(delivery.delivered_at ?? delivery.shipped_at ?? delivery.packed_at ?? delivery.picking);
          return (
            <li key={delivery.number}>
              <strong>{t("order.delivery", { number: delivery.number })}</strong>
              <span>{wordOf(t, "shipment", delivery.state)}</span>
              <span className="faint">
                {t("order.delivery_figures", {
                  picked: formatNumber(delivery.picked, t.language),
                  packed: formatNumber(delivery.packed, t.language),
                  shipped: formatNumber(delivery.shipped, t.language),
                })}
              </span>
              <span className="faint">{at === null ? "" : formatMoment(t, at, now, zone)}</span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
