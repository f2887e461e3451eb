// A stand-in for the services, for working on the screens alone: made-up machines that count. It
// keeps nothing, checks nothing, and is no part of the build.
//   node dev/mock.mjs [--machines 18] [--bars 240] [--port 8799]      GEMBA_API=http://127.0.0.1:8799 npm run dev
// Any name signs in; the name is the role. /t/demo is a customer's page. Machine 3 breaks down.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { makePlan } from "./plan.mjs";

const option = (name, fallback) => {
  const place = process.argv.indexOf(`--${name}`);
  return place < 0 ? fallback : Number(process.argv[place + 1]);
};
const PORT = option("port", 8799);
const COUNT = option("machines", 18);
const SITE = "hangzhou";
const ZONE = "Asia/Shanghai";
const EPOCH = String(Date.now());
const MINUTE = 60_000;
const iso = (ms) => new Date(ms).toISOString();
const born = Date.now();

const ITEMS = ["Bracket A", "左支架 L", "Housing cover 40 mm", "Cable harness KX-565", "端子排 12P", "Bearing shell"];
const CUSTOMERS = ["Acme Ltd", "苏州精工电器有限公司", "Nordwind Haushaltsgeräte GmbH", "Blue Ridge Appliances"];
const LINES = [["press", "stamping-1"], ["press", "stamping-2"], ["assembly", "harness-1"], ["assembly", "final"]];
const STATES = ["running", "running", "running", "down", "setup", "running", "idle", "running", "planned_stop", "running", "offline", "running", "down"];

const orders = Array.from({ length: 12_345 }, (_, n) => {
  const quantity = 100 + ((n * 37) % 900);
  const state = n < 3 ? "received" : n < 40 ? (n % 4 === 0 ? "released" : "in_production") : n % 17 === 0 ? "cancelled" : "produced";
  const percent = state === "produced" ? 100 : state === "in_production" ? (n * 13) % 97 : 0;
  const due = born + ((n % 9) - 3) * 300 * MINUTE + 400 * MINUTE;
  const late = state === "received" ? null : ((n * 71) % 900) - 500;
  return {
    number: `SO-${String(100_482 + n)}`, site: SITE, customer: CUSTOMERS[n % 4], customer_code: `C${n % 4}`, customer_reference: n % 3 === 0 ? `PO-77${n}` : null,
    external_source: null, external_id: null, item: ITEMS[n % 6], state, stage: state === "released" ? "scheduled" : state, quantity_ordered: quantity, unit: "pcs",
    good_pieces: Math.floor((quantity * percent) / 100), scrap_pieces: n % 5, percent, due: iso(due), projected_end: late === null || state === "produced" ? null : iso(due + late * MINUTE), lateness_minutes: late,
    waits_for: state === "received" ? "release" : n % 7 === 0 ? `machine:${SITE}/press/stamping-1/M-03` : null, received: iso(born - n * 7 * MINUTE - 2_000 * MINUTE), changed: iso(born - n * MINUTE), version: 1, priority: 0,
    lines: [{ number: 1, item: "A", item_name: ITEMS[n % 6], quantity, unit: "pcs", due: iso(due), state, good_pieces: Math.floor((quantity * percent) / 100), scrap_pieces: n % 5, started: percent > 0 ? iso(born - 300 * MINUTE) : null, produced: null, projected_end: null, work_orders: [`WO-${10_482 + n}`] }],
  };
});

const operation = (n, state) => ({
  work_order: `WO-${10_482 + n}`, operation: 10, name: "Stamping", item: ITEMS[n % 6], customer: CUSTOMERS[n % 4], order_number: orders[n % 40].number, state,
  quantity_ordered: 480, good_pieces: 60 + ((n * 53) % 380), scrap_pieces: n % 4, projected_end: iso(born + (60 + n * 7) * MINUTE), due: iso(born + (n % 5 === 1 ? -20 : 400) * MINUTE), started: iso(born - 90 * MINUTE), cycle_ms: 18_000,
});

const machines = new Map();
for (let n = 0; n < COUNT; n += 1) {
  const [area, line] = LINES[Math.floor((n * LINES.length) / COUNT)];
  const path = `${SITE}/${area}/${line}/M-${String(n + 1).padStart(2, "0")}`;
  const state = n < 3 ? "running" : STATES[n % STATES.length];
  machines.set(path, {
    machine: path, name: `M-${String(n + 1).padStart(2, "0")}`, area, line, position: n + 1, configured: n !== 7, state, reason: state === "down" ? (n === 3 ? null : "Tool break at station 2") : null,
    state_since: iso(born - (5 + n * 3) * MINUTE), last_seen: iso(born), good_pieces: 1_000 + n * 10, scrap_pieces: n, unassigned_good: state === "idle" ? 14 : 0, unassigned_scrap: 0,
    pace: Array.from({ length: 12 }, (_, slot) => (state === "running" ? 12 + ((slot * 7 + n * 3) % 9) : slot < 9 ? 14 : 0)), pace_percent: state === "idle" || state === "offline" ? null : 74 + ((n * 11) % 40),
    operation: state === "idle" || state === "offline" ? null : operation(n, state === "running" ? "running" : "paused"), next_operation: n % 4 === 3 ? null : { ...operation(n + 40, "planned"), started: null, good_pieces: 0 }, operator: n % 2 === 0 ? "李伟" : null,
  });
}
const list = [...machines.values()];
const summary = () => ({
  site: SITE, name: "杭州一厂 Hangzhou", time_zone: ZONE, machines: list.length, running: list.filter((m) => m.state === "running").length, down: list.filter((m) => m.state === "down").length,
  good_pieces_today: list.reduce((sum, m) => sum + m.good_pieces, 0), scrap_pieces_today: 61, orders_open: 40, orders_at_risk: 5, dead_letters: 3,
});
const plan = makePlan({ machines: list, items: ITEMS, customers: CUSTOMERS, bars: option("bars", 240), site: SITE, born });
const tracked = orders[5];
const tracking = () => ({
  number: tracked.number, reference: "PO-7741", customer: tracked.customer, item: tracked.item, stage: "in_production",
  stages: [["received", "done", -3_000], ["confirmed", "done", -2_900], ["scheduled", "done", -1_500], ["in_production", "current", -240], ["produced", "ahead", null], ["shipped", "ahead", null]].map(([stage, state, at]) => ({ stage, state, at: at === null ? null : iso(born + at * MINUTE) })),
  quantity_ordered: tracked.quantity_ordered, unit: "pcs", good_pieces: tracked.good_pieces, percent: tracked.percent, due: iso(born + 1_700 * MINUTE), expected: iso(born + 1_400 * MINUTE), expected_latest: iso(born + 1_800 * MINUTE), time_zone: ZONE, changed: tracked.changed,
  changes: [{ at: iso(born - 240 * MINUTE), what: "in_production", detail: { line: 1 } }, { at: iso(born - 700 * MINUTE), what: "changed", detail: { lines: [{ line: 1, field: "quantity", from: "400", to: "480" }, { line: 1, field: "due_at", from: iso(born + 900 * MINUTE), to: iso(born + 1_700 * MINUTE) }] } }, { at: iso(born - 1_500 * MINUTE), what: "scheduled", detail: null }, { at: iso(born - 3_000 * MINUTE), what: "received", detail: null }],
});
const orderOperations = (order) => [10, 20, 30].map((number, place) => ({
  work_order: order.lines[0].work_orders[0], operation: number, name: ["Stamping", "去毛刺", "Assembly"][place], machine: list[place].machine, state: ["completed", "running", "planned"][place], quantity_ordered: order.quantity_ordered, good_pieces: [order.quantity_ordered, order.good_pieces, 0][place], scrap_pieces: place,
  runs: 1, planned_start: iso(born + (place - 2) * 150 * MINUTE), planned_end: iso(born + (place - 1) * 150 * MINUTE), started: place < 2 ? iso(born + (place - 2) * 140 * MINUTE) : null, ended: place === 0 ? iso(born - 150 * MINUTE) : null, projected_end: place === 1 ? iso(born + 70 * MINUTE) : null,
}));
const letters = [
  ["not_json", "not JSON: line 1 column 8 (char 7)", "{\"t\": 17,,}", "text"],
  ["count_forms", "increments and readings in one object", "{\"t\":\"2026-11-22T08:00:00Z\",\"boot\":\"b1\",\"seq\":12,\"good\":1,\"good_total\":13}", "text"],
  ["field", "seq: must be an integer, is true", "AAECAwQF/w==", "base64"],
].map(([code, reason, payload, encoding], n) => ({ id: n + 1, site: SITE, topic: `gemba/v1/${SITE}/press/stamping-1/M-03/count`, origin: "gemba.telemetry.v1", received_at: iso(born - n * 50 * MINUTE), code, reason, size: payload.length, payload, payload_cut: false, encoding, replayed_at: n === 2 ? iso(born) : null, replayed_by: null }));

const PERMISSIONS = { admin: ["configure", "dead_letters", "metrics", "operate", "order", "plan", "read"], supervisor: ["dead_letters", "operate", "read"], sales: ["order", "read"], operator: ["operate", "read"], viewer: ["read"] };
const user = (name) => ({ name, display_name: name, role: name in PERMISSIONS ? name : "admin", sites: [], permissions: PERMISSIONS[name] ?? PERMISSIONS.admin });
let signedIn = process.argv.includes("--signed-in") ? user("admin") : null;
const all = (items) => ({ items, total: items.length });

function answer(method, url, body) {
  const path = decodeURIComponent(url.pathname);
  const order = orders.find((each) => path.startsWith(`/v1/orders/${each.number}`));
  if (path === "/v1/session" && method === "POST") return body.password === "wrong" ? [401, { title: "Not signed in", detail: "The name or the password is wrong." }] : ((signedIn = user(body.name)), [200, { user: signedIn }]);
  if (path === "/v1/session" && method === "DELETE") return ((signedIn = null), [204]);
  if (path.startsWith("/v1/tracking/")) return path.includes("demo") ? [200, path.endsWith("/ticket") ? { ticket: "t", expires_in_s: 30 } : tracking()] : [404, { title: "Not found", detail: "no such link" }];
  if (signedIn === null) return [401, { title: "Not signed in", detail: "Sign in." }];
  if (path === "/v1/session") return [200, { user: signedIn }];
  if (path === "/v1/live/ticket") return [200, { ticket: "t", expires_in_s: 30 }];
  if (path === "/v1/sites") return [200, all([{ code: SITE, name: "杭州一厂 Hangzhou", time_zone: ZONE }])];
  if (path === "/v1/customers") return [200, all(CUSTOMERS.map((name, n) => ({ code: `C${n}`, name })))];
  if (path === "/v1/items") return [200, all(ITEMS.map((name, n) => ({ code: `I${n}`, name, unit: "pcs", routings: [] })))];
  if (path === "/v1/dead-letters") return [200, all(letters)];
  if (path.startsWith("/v1/dead-letters/")) return [200, letters[0]];
  if (path.startsWith("/v1/plan") || path === "/v1/disruptions") return plan.answer(method, path, body);
  if (path === "/v1/machines") return [200, all(list)];
  if (path === "/v1/orders" && method === "POST") return [201, orders[0]];
  if (path === "/v1/orders") {
    const want = (name) => url.searchParams.get(name);
    const found = orders.filter((o) => (!want("state") || o.state === want("state")) && (!want("customer") || o.customer_code === want("customer")) && (!want("search") || `${o.number} ${o.customer}`.toLowerCase().includes(want("search").toLowerCase())));
    const offset = Number(want("offset") ?? 0);
    return [200, { items: found.slice(offset, offset + Number(want("limit") ?? 100)), total: found.length }];
  }
  if (order === undefined && path.startsWith("/v1/orders/")) return [404, { title: "Not found", detail: "there is no such order" }];
  if (path.endsWith("/events")) return [200, all([{ id: 3, at: iso(born - 5 * MINUTE), actor: "sales", origin: "session 127.0.0.1", action: "OrderChanged", work_order: null, reason: "customer called", before: { lines: [{ number: 1, quantity: 400 }] }, after: { lines: [{ number: 1, quantity: 480 }] } }, { id: 2, at: iso(born - 50 * MINUTE), actor: "planner", origin: "session 127.0.0.1", action: "OrderReleased", work_order: null, reason: null, before: null, after: null }, { id: 1, at: iso(born - 500 * MINUTE), actor: "token erp", origin: "token 10.0.0.3", action: "OrderReceived", work_order: null, reason: null, before: null, after: null }])];
  if (path.endsWith("/tracking-links")) return [201, { id: 1, url: "/t/demo", token: "demo", expires_at: iso(born + 90 * 1440 * MINUTE) }];
  if (path.endsWith("/cancel")) return [409, { title: "Conflict", detail: "the order is at version 2, not 1" }];
  if (order !== undefined) return [200, { ...order, operations: orderOperations(order), pegs: [{ line: 1, work_order_id: 1, work_order: order.lines[0].work_orders[0], quantity: order.quantity_ordered }] }];
  if (path.endsWith("/job")) {
    const machine = machines.get(path.slice("/v1/machines/".length, -"/job".length));
    const states = { started: "running", paused: "paused", resumed: "running" };
    setTimeout(() => {
      const base = body.event === "started" ? machine.next_operation : machine.operation;
      machine.operation = body.event in states && base ? { ...base, state: states[body.event] } : null;
      tell(machine);
    }, 700);
    return [202, {}];
  }
  return [404, { title: "Not found", detail: path }];
}

const server = createServer((request, response) => {
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    const [status, body] = answer(request.method, new URL(request.url, "http://mock"), text === "" ? {} : JSON.parse(text));
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? "" : JSON.stringify(body));
  });
});

const sockets = new WebSocketServer({ server });
const wanted = new Map();
let offset = 1;
function state(channel) {
  const [kind, name] = [channel.slice(0, channel.indexOf(":")), channel.slice(channel.indexOf(":") + 1)];
  if (kind === "floor") return { summary: summary(), ...Object.fromEntries(machines) };
  if (kind === "plan") return plan.data;
  if (kind === "tracking") return { order: tracking() };
  if (kind === "machine" && machines.has(name)) return { machine: machines.get(name), queue: { operations: [machines.get(name).operation, machines.get(name).next_operation, operation(77, "planned"), operation(78, "paused")].filter(Boolean) } };
  const order = orders.find((each) => each.number === name);
  return order ? { order, ...Object.fromEntries(orderOperations(order).map((each) => [`operation/${each.work_order}/${each.operation}`, each])) } : null;
}
function publish(channel, data) {
  offset += 1;
  for (const [socket, channels] of wanted) if (channels.has(channel)) socket.send(JSON.stringify({ op: "delta", channel, offset, data }));
}
function tell(machine) {
  publish(`floor:${SITE}`, { [machine.machine]: machine, summary: summary() });
  publish(`machine:${machine.machine}`, { machine, queue: state(`machine:${machine.machine}`).queue });
}
sockets.on("connection", (socket) => {
  wanted.set(socket, new Set());
  socket.on("close", () => wanted.delete(socket));
  socket.on("message", (text) => {
    const message = JSON.parse(text);
    if (message.op === "ping") socket.send(JSON.stringify({ op: "pong" }));
    if (message.op === "unsubscribe") wanted.get(socket)?.delete(message.channel);
    if (message.op !== "subscribe") return;
    const data = state(message.channel);
    if (data === null) return socket.send(JSON.stringify({ op: "error", code: "not_found", detail: "no such subject", channel: message.channel }));
    wanted.get(socket)?.add(message.channel);
    socket.send(JSON.stringify({ op: "snapshot", channel: message.channel, epoch: EPOCH, offset, data }));
  });
});

// Every machine counts once a second, in ten deltas: what a full floor sends at most.
let turn = 0;
setInterval(() => {
  turn = (turn + 1) % 10;
  const data = { summary: summary() };
  list.forEach((machine, n) => {
    if (n % 10 !== turn || machine.operation === null || machine.state !== "running") return;
    machine.good_pieces += 1;
    machine.operation = { ...machine.operation, good_pieces: machine.operation.good_pieces + 1 };
    machine.pace = [...machine.pace.slice(0, -1), machine.pace.at(-1) + 1];
    data[machine.machine] = machine;
  });
  publish(`floor:${SITE}`, data);
  publish(`plan:${SITE}`, plan.drift(20));
  if (turn === 0) {
    tracked.good_pieces = Math.min(tracked.quantity_ordered, tracked.good_pieces + 1);
    tracked.percent = Math.floor((100 * tracked.good_pieces) / tracked.quantity_ordered);
    publish("tracking:demo", { order: tracking() });
    publish(`order:${tracked.number}`, { order: { ...tracked } });
  }
}, 100);

server.listen(PORT, "127.0.0.1", () => console.log(`mock services on http://127.0.0.1:${PORT}, ${COUNT} machines`));
