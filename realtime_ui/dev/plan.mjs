// A made-up plan for dev/mock.mjs: machines, bars that follow each other, disruptions, versions.
const MINUTE = 60_000;
const iso = (ms) => new Date(Math.round(ms)).toISOString();

export function makePlan({ machines, items, customers, bars: wanted, site, born }) {
  const families = ["steel-thin", "steel-thick", "aluminium", "harness", "ABS-black", "ABS-grey"];
  const free = machines.map((_, n) => born - (n % 4) * 25 * MINUTE);
  const last = machines.map(() => null);
  const data = {};
  const unavailable = (n) => {
    const spans = [];
    for (let day = 0; day < 9; day += 1) {
      const start = Math.floor(born / 86_400_000) * 86_400_000 + day * 86_400_000;
      spans.push([iso(start + 14 * 60 * MINUTE), iso(start + 14.5 * 60 * MINUTE), "closed"], [iso(start + 20 * 60 * MINUTE), iso(start + 22 * 60 * MINUTE), "closed"]);
    }
    if (n === 5) spans.push([iso(born + 200 * MINUTE), iso(born + 290 * MINUTE), "exception:Maintenance"]);
    if (machines[n].state === "down") spans.push([iso(born - 12 * MINUTE), iso(born + 30 * MINUTE), "down"]);
    return spans;
  };
  machines.forEach((machine, n) => {
    data[`machine/${machine.machine}`] = { machine: machine.machine, name: machine.name, site, area: machine.area, line: machine.line, position: machine.position, state: machine.state, reason: machine.reason, state_since: machine.state_since, unavailable: unavailable(n), needs: [], batch_capacity: n === 5 ? 4 : null };
  });
  const crew = [
    ["anna", "Anna", "operator", 1, ["welder", "setter"]], ["bert", "Bert", "operator", 1, ["welder"]], ["chen", "陈伟", "operator", 1, ["welder"]], ["temps", "Temporary staff", "operator", 3, ["welder"]],
    ["dora", "Dora", "operator", 1, ["setter"]], ["emil", "Emil", "operator", 1, ["setter"]], ["jig", "Jig 7", "tool", 2, []], ["crane", "Crane 5 t", "tool", 1, []],
  ];
  crew.forEach(([code, name, kind, quantity, skills], n) => {
    const off = kind === "tool" ? [] : unavailable(0);
    if (code === "bert") off.push([iso(born + 60 * MINUTE), iso(born + 400 * MINUTE), "absent:training"]);
    if (code === "temps") off.push([iso(born - 60 * MINUTE), iso(born + 240 * MINUTE), "absent:not booked", "2"]);
    data[`resource/${n + 1}`] = { id: n + 1, code, name, site, kind, quantity, skills, unavailable: off };
  });
  let id = 0;
  for (let job = 0; id < wanted; job += 1) {
    let ready = born - 60 * MINUTE;
    const family = families[(job * 7) % families.length];
    const own = [];
    for (let step = 0; step < 3 && id < wanted; step += 1) {
      id += 1;
      const candidates = machines.map((_, n) => n).filter((n) => n % 3 === step);
      const n = candidates.reduce((best, each) => (free[each] < free[best] ? each : best), candidates[(job * 5) % candidates.length]);
      const setup = last[n] === family || last[n] === null ? 0 : (8 + ((job * 3) % 15)) * MINUTE;
      const begin = Math.max(free[n], ready - setup);
      const start = begin + setup;
      const length = (18 + ((job * 11 + step * 17) % 70)) * MINUTE;
      const state = start + length < born - 5 * MINUTE ? "completed" : start <= born ? (machines[n].state === "down" ? "interrupted" : "running") : "planned";
      const slip = machines[n].state === "down" ? 34 * MINUTE : ((job * 13 + step * 5) % 9) * MINUTE - 2 * MINUTE;
      const due = born + (((job * 37) % 50) - 4) * 60 * MINUTE;
      const bar = {
        operation_id: id, work_order: `WO-${10_482 + job}`, operation: 10 + step * 10, name: ["Stamping", "Welding", "Assembly"][step], item: items[job % items.length], family: job % 17 === 0 ? null : family, customer: customers[job % customers.length],
        order_number: `SO-${100_482 + (job % 900)}`, priority: job % 23 === 5 ? 9 : 0, state, machine: machines[n].machine, setup_start: iso(begin), start: iso(start), end: iso(start + length),
        on_hold: job % 37 === 5 && state !== "completed",
        pin: state === "running" || state === "interrupted" ? "running" : start < born + 12 * MINUTE && state === "planned" ? "frozen" : job % 31 === 9 ? "locked" : null,
        projected_machine: machines[n].machine, projected_start: iso(start + (state === "planned" ? Math.max(0, slip) : 0)), projected_end: iso(start + length + (state === "completed" ? -2 * MINUTE : Math.max(slip, -MINUTE))),
        quantity_ordered: 480, good_pieces: state === "completed" ? 480 : state === "running" ? 210 : 0, due: iso(due), lateness_minutes: null, needs: [[...(setup > 0 ? ["setter@setup"] : [])], job % 4 === 0 ? ["welder=2"] : ["welder"], job % 3 === 0 ? ["jig", "crane@setup"] : []][step], after: own.length > 0 ? [own.at(-1).operation_id] : [],
      };
      own.push(bar);
      // The oven takes several at once.
      if (n === 5) for (let more = 1; more <= job % 3; more += 1) data[`bar/${50_000 + id * 10 + more}`] = { ...bar, operation_id: 50_000 + id * 10 + more, work_order: `WO-${20_482 + id * 3 + more}`, order_number: `SO-${200_482 + id * 3 + more}`, customer: customers[(job + more) % customers.length], lateness_minutes: more === 2 ? 45 : -200, after: [] };
      free[n] = start + length;
      last[n] = family;
      ready = start + length + 4 * MINUTE;
    }
    const end = Date.parse(own.at(-1).projected_end);
    for (const bar of own) bar.lateness_minutes = Math.round((end - Date.parse(bar.due)) / MINUTE);
    for (const bar of own) data[`bar/${bar.operation_id}`] = bar;
  }
  const down = machines.find((machine) => machine.state === "down") ?? machines[0];
  const kinds = [
    ["machine_down", { machine: down.machine, detail: { reason: "drive_overload", since: iso(born - 12 * MINUTE) } }],
    ["rush_order", { order_number: "SO-100490", detail: { priority: 9 } }],
    ["operation_late", { work_order: "WO-10485", operation: 20, machine: machines[4].machine, detail: { minutes: 14 } }],
    ["promise_at_risk", { order_number: "SO-100484", detail: { minutes: 95 } }],
    ["machine_up", { machine: machines[1].machine, detail: {} }],
    ["order_changed", { order_number: "SO-100486", detail: {} }],
    ["requested", { detail: { by: "planner", reason: "Night shift works today" } }],
    ["calendar_changed", { detail: { what: "policy", by: "planner" } }],
    ["work_released", { order_number: "SO-100501", work_order: "WO-10501", detail: {} }],
    ["order_cancelled", { order_number: "SO-100483", detail: {} }],
  ];
  kinds.forEach(([kind, part], n) => {
    const number = 40 - n;
    data[`disruption/${number}`] = { id: number, site, kind, machine: null, work_order: null, operation: null, order_number: null, occurred: iso(born - n * 11 * MINUTE), raised: iso(born - n * 11 * MINUTE), handled: n === 0 ? null : iso(born - n * 11 * MINUTE + 900), outcome: n === 0 ? null : n % 4 === 3 ? "no_change" : "planned", plan_number: n % 4 === 3 ? null : 15 - n, ...part };
  });
  const metrics = (change) => ({ cost: 9_120, weighted_tardiness: 420, tardiness: 260, tardy_jobs: 3, most_tardy: 120, makespan: 2_400, setup: 310, reassigned: 4, moved: 11, shifted: 240, ...change });
  const reasons = [{ disruption: 40, kind: "machine_down", machine: down.machine, work_order: null, operation: null, order: null, occurred: iso(born - 12 * MINUTE), detail: { reason: "drive_overload" } }];
  data.plan = { scope: site, sites: [site], id: 114, number: 14, method: "dispatch:atc", as_of: iso(born - 5 * MINUTE), published: iso(born - 5 * MINUTE), published_by: "planner", reasons, metrics: metrics({}), frozen_ms: 15 * MINUTE, publish: "draft", draft: 15, draft_id: 115, open_disruptions: 1, unplanned: [{ operation_id: 9_001, work_order: "WO-10999", operation: 10, code: "no_machine" }] };
  const summary = (number, state) => ({
    id: 100 + number, scope: site, number, state, base_id: 99 + number, base_number: number === 1 ? null : number - 1, method: ["dispatch:atc", "right_shift", "cp_sat", "dispatch:edd"][number % 4], solve_ms: 84 + number * 31, as_of: iso(born - (15 - number) * 20 * MINUTE), created_at: iso(born - (15 - number) * 20 * MINUTE),
    published_at: state === "draft" || state === "discarded" ? null : iso(born - (15 - number) * 20 * MINUTE), published_by: state === "draft" || state === "discarded" ? null : number % 3 === 0 ? "anna" : "planner", superseded_at: state === "superseded" ? iso(born - (14 - number) * 20 * MINUTE) : null,
    reasons: number === 1 ? [] : number % 5 === 0 ? [{ ...reasons[0], disruption: 3, kind: "rush_order", machine: null, order: "SO-100490" }, ...reasons] : reasons, metrics: metrics({}), waiting: metrics({ tardiness: 260 + number * 23, tardy_jobs: 3 + (number % 3) }), late_orders: number % 4, unplanned: [],
  });
  const versions = Array.from({ length: 15 }, (_, n) => summary(15 - n, n === 0 ? "draft" : n === 1 ? "published" : n === 5 ? "discarded" : "superseded"));
  const orders = versions[0] && [{ order: "SO-100484", site, customer: customers[2], end: iso(born + 300 * MINUTE), due: iso(born + 205 * MINUTE), lateness_minutes: 95, because: [{ cause: "predecessor", machine: machines[2].machine, work_order: "WO-10484", operation: 30, behind: { work_order: "WO-10484", operation: 20 }, since: null, wait_minutes: 0 }, { cause: "machine_busy", machine: machines[1].machine, work_order: "WO-10484", operation: 20, behind: { work_order: "WO-10490", operation: 20 }, since: null, wait_minutes: 70 }, { cause: "unavailable", machine: down.machine, work_order: "WO-10484", operation: 10, behind: null, since: iso(born - 12 * MINUTE), wait_minutes: 42 }] }];
  const differences = (plan) => ({
    plan, number: plan - 100, against: plan - 1, against_number: plan - 101,
    operations: Array.from({ length: 34 }, (_, n) => ({ kind: ["reassigned", "later", "earlier", "added", "removed"][n % 5], operation_id: n + 1, work_order: `WO-${10_482 + n}`, operation: 20, name: "Welding", order: `SO-${100_482 + n}`, from_machine: machines[n % machines.length].machine, to_machine: machines[(n + 3) % machines.length].machine, from_start: iso(born + n * 9 * MINUTE), to_start: iso(born + (n * 9 + 25) * MINUTE), from_end: iso(born + (n * 9 + 60) * MINUTE), to_end: iso(born + (n * 9 + 85) * MINUTE), minutes: n % 5 === 2 ? -25 : 25 })),
    orders: Array.from({ length: 5 }, (_, n) => ({ order: `SO-${100_484 + n}`, customer: customers[n % customers.length], from_end: iso(born + (200 + n * 40) * MINUTE), to_end: iso(born + (225 + n * 40) * MINUTE), due: iso(born + (205 + n * 60) * MINUTE), minutes: 25 })),
  });
  const policy = { publish: "draft", frozen_ms: 900_000, debounce_ms: 200, down_threshold_ms: 120_000, repair_ms: 1_800_000, tolerance_ms: 600_000, rush_priority: 8, improve_ms: 2_000, move_tolerance_ms: 900_000, tardiness: 20, reassignment: 40, move: 1, setup: 1, makespan: 0, balance: 0, resequencing: 0, order: [], displacement: "lower", displaced: 10_000 };
  const planning = () => ({ scope: site, sites: [site], policy, published: versions[1], draft: versions[0], open_disruptions: 1 });
  const all = (list) => ({ items: list, total: list.length });
  // What-if: drafts that shift some operations, made up like the rest.
  const drafts = [];
  const shift = (n, minutes) => ({ order: `SO-${100_484 + n}`, customer: customers[n % customers.length], minutes, end: iso(born + (200 + n * 40 + minutes) * MINUTE), due: iso(born + (205 + n * 60) * MINUTE), lateness_minutes: n === 0 ? 20 : -15, was_late: false, is_late: n === 0 });
  const compared = () => ({ against: 114, later: [shift(0, 25), shift(1, 40)], earlier: [shift(2, -35)], added: [], removed: [], newly_late: 1, late_no_more: 0, setup_minutes: 12, cost: 840, moved: { later: 3, reassigned: 1 } });
  function draft(name, changes) {
    const number = 16 + drafts.length;
    const made = { ...summary(number, "draft"), base_id: 114, base_number: 14, orders: [], compared: compared(), what_if: { name, created_by: "anna", expires_at: null, parts: [], settle: "shift", publishable: true, stale: false, added: [], added_orders: [], changes } };
    drafts.unshift(made);
    versions.unshift(made);
    return made;
  }
  const placed = (bar, minutes, machine) => ({ operation_id: bar.operation_id, work_order: bar.work_order, operation: bar.operation, name: bar.name, order: bar.order_number, machine: machine ?? bar.machine, setup_start: iso(Date.parse(bar.setup_start) + minutes * MINUTE), start: iso(Date.parse(bar.start) + minutes * MINUTE), end: iso(Date.parse(bar.end) + minutes * MINUTE), pin: bar.pin, on_hold: false });
  const moves = new Map();
  const why = (order) => ({
    plan: 114, order, as_of: iso(Date.now()), work_order: "WO-10484", end: iso(born + 300 * MINUTE), due: iso(born + 205 * MINUTE), delay_minutes: 95, chain: orders[0].because,
    shares: [{ ...orders[0].because[1], share_minutes: 55 }, { ...orders[0].because[2], share_minutes: 40 }],
    helps: [
      { kind: "ahead", minutes: 60, end: iso(born + 240 * MINUTE), operation: { work_order: "WO-10500", operation: 20 }, machine: machines[1].machine, from_machine: null, behind: { work_order: "WO-10510", operation: 20 }, resource: null, starts_at: null, ends_at: null, later: [{ order: "SO-100490", work_order: "WO-10490", minutes: 40, late_minutes: 10 }], later_work_orders: 2 },
      { kind: "overtime", minutes: 45, end: iso(born + 255 * MINUTE), operation: null, machine: machines[1].machine, from_machine: null, behind: null, resource: null, starts_at: iso(born + 300 * MINUTE), ends_at: iso(born + 420 * MINUTE), later: [], later_work_orders: 0 },
      { kind: "more_of_resource", minutes: 20, end: iso(born + 280 * MINUTE), operation: null, machine: null, from_machine: null, behind: null, resource: "Welder", starts_at: null, ends_at: null, later: [], later_work_orders: 0 },
    ],
  });
  const price = (minutes, later) => ({ end: iso(born + minutes * MINUTE), late_minutes: later.length === 0 ? 180 : 0, later, newly_late: later.length === 0 ? 0 : 1, setup_minutes: later.length === 0 ? 0 : 18, tardiness_minutes: 30, cost: later.length === 0 ? 40 : 1_240, moved: later.length * 2 });
  function thought(method, path, body) {
    if (path.endsWith("/drafts") && method === "GET") return [200, all(drafts)];
    if (path.endsWith("/drafts")) return [201, draft(body.name, body.changes.map((change) => ({ assumed: change.kind === "overtime" || change.kind === "add_order", entered: change.kind === "overtime", items: [], ...change, operation: null, before: null })))];
    if (path.endsWith("/drags")) {
      const bar = data[`bar/${body.operation}`];
      const made = draft("drag by anna", [{ kind: "move", assumed: false, items: [], machine: body.machine, operation: { work_order: bar.work_order, operation: bar.operation }, starts_at: body.start }]);
      moves.set(made.id, [placed(bar, (Date.parse(body.start) - Date.parse(bar.start)) / MINUTE, body.machine), ...[1, 2, 3].flatMap((n) => (data[`bar/${body.operation + n * 3}`] === undefined ? [] : [placed(data[`bar/${body.operation + n * 3}`], 25)]))]);
      return [201, made];
    }
    if (path.endsWith("/rush-price")) return [200, { scope: site, as_of: iso(Date.now()), plan_number: 14, priority: body.priority ?? 8, displacement: "lower", planned_end: body.order === undefined ? null : iso(born + 500 * MINUTE), waiting: price(520, []), rushed: price(180, [{ order: "SO-100490", work_order: "WO-10490", minutes: 75, late_minutes: 30 }, { order: "SO-100491", work_order: "WO-10491", minutes: 20, late_minutes: 0 }]) }];
    if (path === "/v1/plans/compare") return [200, { plans: [{ plan: versions.find((each) => each.state === "published"), name: null, compared: null }, ...drafts.slice(0, 2).map((each) => ({ plan: each, name: each.what_if.name, compared: compared() }))], orders: [0, 1, 2].map((n) => ({ order: `SO-${100_484 + n}`, customer: customers[n % customers.length], due: iso(born + 205 * MINUTE), ends: [iso(born + 200 * MINUTE), ...drafts.slice(0, 2).map((_, place) => iso(born + (225 + place * 30) * MINUTE))], lateness_minutes: [-5, ...drafts.slice(0, 2).map((_, place) => 20 + place * 30)] })) }];
    if (path.includes("/why/")) return [200, why(decodeURIComponent(path.split("/").at(-1)))];
    if (path.endsWith("/entries")) return [200, all((drafts.find((each) => each.id === Number(path.split("/")[3]))?.what_if.changes ?? []).flatMap((change, n) => (change.kind === "overtime" ? [{ change: n, kind: "extra_shift", state: "to_enter", machine: change.machine, starts_at: change.starts_at, ends_at: change.ends_at }] : [])))];
    if (path.endsWith("/operations")) return [200, all(moves.get(Number(path.split("/")[3])) ?? [])];
    if (path.endsWith("/discard")) {
      const place = drafts.findIndex((each) => each.id === Number(path.split("/")[3]));
      if (place >= 0) return [200, drafts.splice(place, 1)[0]];
    }
    return null;
  }
  function answer(method, path, body) {
    const asked = thought(method, path, body);
    if (asked !== null) return asked;
    if (path === "/v1/planning") return [200, all([planning()])];
    if (path.endsWith("/policy")) return [200, Object.assign(policy, body)];
    if (path.endsWith("/replan")) return [202, { disruption: { ...data["disruption/40"], kind: "requested" } }];
    if (path.endsWith("/plans")) return [200, all(versions)];
    if (path.startsWith("/v1/planning/")) return [200, planning()];
    if (path === "/v1/disruptions") return [200, all(Object.entries(data).filter(([key]) => key.startsWith("disruption/")).map(([, each]) => ({ ...each, scope: site, plan_id: null })))];
    const [, , , id, what] = path.split("/");
    const plan = versions.find((each) => each.id === Number(id));
    if (plan === undefined) return [404, { title: "Not found", detail: "there is no such plan" }];
    if (what === "differences") return [200, differences(plan.id)];
    if (what === "publish") return [409, { title: "Conflict", detail: "the plan it stands on is no longer in force" }];
    return [200, { ...plan, orders }];
  }
  /** Some bars slip by a few seconds, as projections do. */
  let turn = 0;
  function drift(count) {
    const change = {};
    for (let n = 0; n < count; n += 1) {
      turn = (turn + 37) % id;
      const key = `bar/${turn + 1}`;
      const bar = data[key];
      if (bar === undefined || bar.state === "completed") continue;
      data[key] = { ...bar, projected_end: iso(Date.parse(bar.projected_end) + ((turn % 7) - 3) * 2_000), good_pieces: bar.state === "running" ? bar.good_pieces + 1 : 0 };
      change[key] = data[key];
    }
    return change;
  }
  return { data, answer, drift };
}
