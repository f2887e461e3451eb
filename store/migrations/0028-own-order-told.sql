-- A customer's order in one statement. The question that customers ask most often took seven (BEGIN,
-- the role, whose request it is, what is theirs, the role back, the work behind it, COMMIT).

-- What of an order is the customer's, as JSON: the order, its lines, shipments, and what was done to
-- it; no row: there is no such order of theirs. `is_open`: something is still to be made for it.
--
-- The body runs as the role `gemba_customer`, to whom row-level security shows that customer's rows
-- and nothing else (0021); role and customer end with the call (or with what it fails in). It gives no
-- right away: it runs with the caller's rights (SECURITY INVOKER), and who may not take on the role
-- is refused. The customer stands in the query as well: the policies are the second lock.
CREATE FUNCTION own_order_told(customer integer, wanted text,
                               OUT order_id bigint, OUT is_open boolean, OUT told text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY INVOKER ROWS 1
SET role = 'gemba_customer'
AS $told$
BEGIN
    PERFORM set_config('gemba.customer_id', customer::text, true);
    RETURN QUERY
    SELECT o.id,
        EXISTS (SELECT FROM order_lines l
                WHERE l.order_id = o.id AND l.state NOT IN ('produced', 'cancelled')),
        json_build_object(
            'order', json_build_object(
                'id', o.id, 'number', o.number, 'site', s.code, 'time_zone', s.time_zone,
                'customer', c.name, 'customer_reference', o.customer_reference,
                'priority', o.priority, 'received_at', o.received_at, 'changed_at', o.changed_at),
            'lines', (
                SELECT coalesce(json_agg(t ORDER BY t.number), '[]') FROM (
                    SELECT l.id, l.order_id, l.number, i.code AS item, i.name AS item_name,
                           l.quantity, l.unit, l.due_at, l.promised_at, l.state AS stored_state,
                           l.good_quantity AS good, l.scrap_pieces AS scrap, l.started_at,
                           l.produced_at, coalesce(g.packed, 0) AS packed,
                           coalesce(g.shipped, 0) AS shipped
                    FROM order_lines l JOIN items i ON i.id = l.item_id
                    LEFT JOIN LATERAL (
                        SELECT sum(p.packed) AS packed, sum(p.shipped) AS shipped
                        FROM shipment_lines p WHERE p.order_line_id = l.id) g ON true
                    WHERE l.order_id = o.id
                ) t),
            'deliveries', (
                SELECT coalesce(json_agg(t ORDER BY t.number, t.line), '[]') FROM (
                    SELECT h.order_id, h.number, h.state, h.picking_ms, h.packed_ms, h.shipped_ms,
                           h.delivered_ms, h.carrier, h.tracking_number, h.carrier_status,
                           (extract(epoch FROM h.carrier_at) * 1000)::bigint AS carrier_ms,
                           (extract(epoch FROM h.expected_at) * 1000)::bigint AS expected_ms,
                           p.returned, p.picked, p.packed, p.shipped, l.unit, l.number AS line
                    FROM shipments h
                    JOIN shipment_lines p USING (order_id, number)
                    JOIN order_lines l ON l.id = p.order_line_id
                    WHERE h.order_id = o.id
                ) t),
            'audit', (
                SELECT coalesce(json_agg(t ORDER BY t.id DESC), '[]') FROM (
                    SELECT a.id, a.order_id, a.at, a.action, a.before, a.after FROM audit_log a
                    WHERE a.order_id = o.id
                      AND a.action IN ('OrderReceived', 'OrderConfirmed', 'OrderReleased',
                                       'OrderChanged', 'OrderCancelled', 'LineStateChanged',
                                       'ShipmentPacked', 'ShipmentShipped', 'ShipmentCorrected',
                                       'ExpectedDateMoved')
                ) t)
        )::text
    FROM orders o JOIN sites s ON s.id = o.site_id JOIN customers c ON c.id = o.customer_id
    WHERE o.number = wanted AND o.customer_id = customer;
    PERFORM set_config('gemba.customer_id', '', true);
END
$told$;
REVOKE ALL ON FUNCTION own_order_told(integer, text) FROM PUBLIC;
