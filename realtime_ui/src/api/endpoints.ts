import type { operations, paths } from "./openapi.gen.ts";
import { ask } from "./problem.ts";
import type { JobEvent, NewOrder, OrderChange, Policy } from "./types.ts";

/** What a call answers when it succeeds. */
type Answer<Name extends keyof operations> = operations[Name]["responses"] extends infer Responses
  ? Responses extends { 200: { content: { "application/json": infer Body } } } | { 201: { content: { "application/json": infer Body } } } | { 202: { content: { "application/json": infer Body } } }
    ? Body
    : null
  : never;

/** A path of the API with its variables filled in; a variable's text is encoded. */
function address(path: keyof paths, variables: Record<string, string | number> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const text = String(variables[name] ?? "");
    // A machine's path keeps its slashes.
    return name === "path" ? text.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(text);
  });
}

function query(values: Record<string, string | number | undefined>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== "") given.set(name, String(value));
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}

async function call<Name extends keyof operations>(_name: Name, method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<Answer<Name>> {
  return (await ask(method, url, body, signal)) as Answer<Name>;
}

export interface OrderQuery {
  site?: string | undefined;
  state?: string | undefined;
  customer?: string | undefined;
  search?: string | undefined;
  sort?: string | undefined;
  late?: string | undefined;
  limit: number;
  offset: number;
}

/** The calls of the REST API that the screens make. All reject with Problem or Unreachable. */
export const api = {
  session: () => call("getSession", "GET", address("/v1/session")),
  signIn: (name: string, password: string) => call("signIn", "POST", address("/v1/session"), { name, password }),
  signOut: () => call("signOut", "DELETE", address("/v1/session")),
  liveTicket: () => call("createLiveTicket", "POST", address("/v1/live/ticket")),

  sites: () => call("listSites", "GET", address("/v1/sites")),
  customers: () => call("listCustomers", "GET", address("/v1/customers")),
  machines: () => call("listMachines", "GET", address("/v1/machines") + query({ limit: 10_000 })),
  items: () => call("listItems", "GET", address("/v1/items")),

  orders: (filter: OrderQuery, signal?: AbortSignal) => call("listOrders", "GET", address("/v1/orders") + query({ ...filter }), undefined, signal),
  order: (number: string) => call("getOrder", "GET", address("/v1/orders/{number}", { number })),
  orderEvents: (number: string) => call("listOrderEvents", "GET", address("/v1/orders/{number}/events", { number }) + query({ limit: 200 })),
  createOrder: (order: NewOrder) => call("takeOrderIn", "POST", address("/v1/orders"), order),
  changeOrder: (number: string, change: OrderChange) => call("changeOrder", "PATCH", address("/v1/orders/{number}", { number }), change),
  releaseOrder: (number: string) => call("releaseOrder", "POST", address("/v1/orders/{number}/release", { number })),
  cancelOrder: (number: string, reason: string, version: number) => call("cancelOrder", "POST", address("/v1/orders/{number}/cancel", { number }), { reason, version }),
  createTrackingLink: (number: string) => call("createTrackingLink", "POST", address("/v1/orders/{number}/tracking-links", { number }), {}),

  job: (path: string, event: JobEvent, workOrder: string, operation: number) => call("reportJob", "POST", address("/v1/machines/{path}/job", { path }), { event, work_order: workOrder, operation }),

  plannings: () => call("listPlanning", "GET", address("/v1/planning")),
  planning: (scope: string) => call("getPlanning", "GET", address("/v1/planning/{scope}", { scope })),
  putPolicy: (scope: string, policy: Policy) => call("putPolicy", "PUT", address("/v1/planning/{scope}/policy", { scope }), policy),
  requestPlan: (scope: string, reason: string) => call("requestPlan", "POST", address("/v1/planning/{scope}/replan", { scope }), { reason }),
  plans: (scope: string, page: { limit: number; offset: number }) => call("listPlans", "GET", address("/v1/planning/{scope}/plans", { scope }) + query(page)),
  plan: (id: number) => call("getPlan", "GET", address("/v1/plans/{plan_id}", { plan_id: id })),
  planDifferences: (id: number) => call("getPlanDifferences", "GET", address("/v1/plans/{plan_id}/differences", { plan_id: id })),
  publishPlan: (id: number) => call("publishPlan", "POST", address("/v1/plans/{plan_id}/publish", { plan_id: id })),
  discardPlan: (id: number) => call("discardPlan", "POST", address("/v1/plans/{plan_id}/discard", { plan_id: id })),
  disruptions: (filter: { scope: string; limit: number; offset: number }) => call("listDisruptions", "GET", address("/v1/disruptions") + query(filter)),

  deadLetters: (filter: { site?: string | undefined; limit: number; offset: number }) => call("listDeadLetters", "GET", address("/v1/dead-letters") + query(filter)),
  replayDeadLetter: (id: number) => call("replayDeadLetter", "POST", address("/v1/dead-letters/{dead_letter_id}/replay", { dead_letter_id: id })),
};
