import type { operations, paths } from "./openapi.gen.ts";
import { ask, askText } from "./problem.ts";
import type { Bulk, ColumnMapping, DragWish, Format, JobEvent, LockWish, NewDraft, NewOrder, NewPromise, NewPush, NewView, OrderChange, Policy, RushWish, TableFormat, Wish } from "./types.ts";

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
  channel?: string | undefined;
  item?: string | undefined;
  finding?: string | undefined;
  due_from?: string | undefined;
  due_until?: string | undefined;
  open?: string | undefined;
  limit: number;
  offset: number;
}

/** The calls of the REST API that the screens make. All reject with Problem or Unreachable. */
export const api = {
  signInMethods: () => call("listSignInMethods", "GET", address("/v1/session/methods")),
  session: () => call("getSession", "GET", address("/v1/session")),
  signIn: (name: string, password: string) => call("signIn", "POST", address("/v1/session"), { name, password }),
  signOut: () => call("signOut", "DELETE", address("/v1/session")),
  liveTicket: () => call("createLiveTicket", "POST", address("/v1/live/ticket")),
  push: () => call("getPush", "GET", address("/v1/push")),
  subscribePush: (browser: NewPush) => call("subscribePush", "POST", address("/v1/push/subscriptions"), browser),
  unsubscribePush: (id: number) => call("unsubscribePush", "DELETE", address("/v1/push/subscriptions/{subscription}", { subscription: id })),
  testPush: (id: number) => call("testPush", "POST", address("/v1/push/subscriptions/{subscription}/test", { subscription: id })),

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
  seen: (path: string, workOrder: string) => call("acknowledgeRequest", "POST", address("/v1/machines/{path}/acknowledge", { path }), { work_order: workOrder }),

  plannings: () => call("listPlanning", "GET", address("/v1/planning")),
  planning: (scope: string) => call("getPlanning", "GET", address("/v1/planning/{scope}", { scope })),
  putPolicy: (scope: string, policy: Policy) => call("putPolicy", "PUT", address("/v1/planning/{scope}/policy", { scope }), policy),
  requestPlan: (scope: string, reason: string) => call("requestPlan", "POST", address("/v1/planning/{scope}/replan", { scope }), { reason }),
  plans: (scope: string, page: { limit: number; offset: number }) => call("listPlans", "GET", address("/v1/planning/{scope}/plans", { scope }) + query(page)),
  plan: (id: number) => call("getPlan", "GET", address("/v1/plans/{plan_id}", { plan_id: id })),
  planDifferences: (id: number) => call("getPlanDifferences", "GET", address("/v1/plans/{plan_id}/differences", { plan_id: id })),
  publishPlan: (id: number) => call("publishPlan", "POST", address("/v1/plans/{plan_id}/publish", { plan_id: id })),
  planEntries: (id: number) => call("listPlanEntries", "GET", address("/v1/plans/{plan_id}/entries", { plan_id: id })),
  takeBackEntries: (id: number) => call("takeBackPlanEntries", "DELETE", address("/v1/plans/{plan_id}/entries", { plan_id: id })),
  discardPlan: (id: number) => call("discardPlan", "POST", address("/v1/plans/{plan_id}/discard", { plan_id: id })),
  planOperations: (id: number) => call("listPlanOperations", "GET", address("/v1/plans/{plan_id}/operations", { plan_id: id })),
  drafts: (scope: string) => call("listDrafts", "GET", address("/v1/planning/{scope}/drafts", { scope })),
  makeDraft: (scope: string, draft: NewDraft) => call("makeDraft", "POST", address("/v1/planning/{scope}/drafts", { scope }), draft),
  drag: (scope: string, drag: DragWish) => call("dragOperation", "POST", address("/v1/planning/{scope}/drags", { scope }), drag),
  rebaseDraft: (id: number) => call("rebaseDraft", "POST", address("/v1/plans/{plan_id}/rebase", { plan_id: id })),
  comparePlans: (ids: readonly number[]) => call("comparePlans", "GET", address("/v1/plans/compare") + query({ ids: ids.join(",") })),
  whyLate: (plan: number, order: string) => call("explainLateOrder", "GET", address("/v1/plans/{plan_id}/why/{order}", { plan_id: plan, order })),
  rushPrice: (scope: string, wish: RushWish) => call("priceRushOrder", "POST", address("/v1/planning/{scope}/rush-price", { scope }), wish),
  lockOperation: (id: number, lock: LockWish) => call("lockOperation", "PUT", address("/v1/operations/{operation_id}/lock", { operation_id: id }), lock),
  freeOperation: (id: number) => call("unlockOperation", "DELETE", address("/v1/operations/{operation_id}/lock", { operation_id: id })),
  disruptions: (filter: { scope: string; limit: number; offset: number }) => call("listDisruptions", "GET", address("/v1/disruptions") + query(filter)),

  deadLetters: (filter: { site?: string | undefined; limit: number; offset: number }) => call("listDeadLetters", "GET", address("/v1/dead-letters") + query(filter)),
  replayDeadLetter: (id: number) => call("replayDeadLetter", "POST", address("/v1/dead-letters/{dead_letter_id}/replay", { dead_letter_id: id })),

  actOnOrders: (bulk: Bulk) => call("actOnOrders", "POST", address("/v1/orders/actions"), bulk),
  previewCancellation: (chosen: Pick<Bulk, "numbers" | "filter">) => call("previewCancellation", "POST", address("/v1/orders/actions/cancel-preview"), chosen),
  orderViews: () => call("listOrderViews", "GET", address("/v1/orders/views")),
  putOrderView: (name: string, view: NewView) => call("putOrderView", "PUT", address("/v1/orders/views/{name}", { name }), view),
  deleteOrderView: (name: string) => call("deleteOrderView", "DELETE", address("/v1/orders/views/{name}", { name })),
  /** Where the list is to be had as a file. */
  exportAddress: (filter: Omit<OrderQuery, "limit" | "offset" | "sort">, format: "csv" | "xlsx") => address("/v1/orders/export") + query({ ...filter, format }),
  orderTimeline: (number: string, page: { limit: number; offset: number }) => call("getOrderTimeline", "GET", address("/v1/orders/{number}/timeline", { number }) + query(page)),
  findings: (number: string) => call("listFindings", "GET", address("/v1/orders/{number}/findings", { number }) + query({ settled: "false" })),
  confirmOrder: (number: string, version: number, overrule?: string) => call("confirmOrder", "POST", address("/v1/orders/{number}/confirm", { number }), { version, ...(overrule === undefined ? {} : { overrule }) }),
  holdOrder: (number: string, version: number, reason: string) => call("holdOrder", "POST", address("/v1/orders/{number}/hold", { number }), { version, reason }),
  resumeOrder: (number: string, version: number) => call("resumeOrder", "POST", address("/v1/orders/{number}/resume", { number }), { version }),
  rejectOrder: (number: string, version: number, reason: string) => call("rejectOrder", "POST", address("/v1/orders/{number}/reject", { number }), { version, reason }),
  settleFinding: (number: string, finding: number, reason: string) => call("settleFinding", "POST", address("/v1/orders/{number}/findings/{finding_id}/settle", { number, finding_id: finding }), { reason }),
  assignItem: (number: string, line: number, item: string, remember: boolean) => call("assignItem", "POST", address("/v1/orders/{number}/lines/{line}/item", { number, line }), { item, remember }),
  assignCustomer: (number: string, customer: string, remember: boolean) => call("assignCustomer", "POST", address("/v1/orders/{number}/customer", { number }), { customer, remember }),
  underReview: (filter: { site?: string | undefined; code?: string | undefined; limit: number; offset: number }) => call("listOrdersUnderReview", "GET", address("/v1/review") + query(filter)),

  documents: (filter: { order?: string; limit: number; offset: number }) => call("listDocuments", "GET", address("/v1/intake/documents") + query(filter)),
  documentAddress: (id: number) => address("/v1/intake/documents/{document_id}/content", { document_id: id }),
  mappings: () => call("listColumnMappings", "GET", address("/v1/intake/mappings") + query({ limit: 500 })),
  putMapping: (name: string, format: TableFormat, mapping: ColumnMapping) => call("putColumnMapping", "PUT", address("/v1/intake/mappings/{name}", { name }), { format, mapping }),
  previewTable: (format: TableFormat, file: Blob, options: { columns?: string | undefined; rows: number }) => call("previewTable", "POST", address("/v1/intake/preview/{format}", { format }) + query(options), file),
  takeDocumentsIn: (format: Format, file: Blob, options: { dry_run?: string; site?: string | undefined; source?: string | undefined; columns?: string | undefined; file_name?: string | undefined }) => call("takeDocumentsIn", "POST", address("/v1/intake/{format}", { format }) + query(options), file),

  promise: (wanted: NewPromise) => call("promise", "POST", address("/v1/promises"), wanted),

  stockItems: (filter: StockQuery) => call("listStockItems", "GET", address("/v1/stock/items") + query({ ...filter })),
  stock: (filter: StockQuery) => call("listStock", "GET", address("/v1/stock") + query({ ...filter })),
  movements: (filter: StockQuery) => call("listStockMovements", "GET", address("/v1/stock/movements") + query({ ...filter })),
  reservations: (filter: StockQuery & { order?: string | undefined; state?: string | undefined }) => call("listReservations", "GET", address("/v1/reservations") + query({ ...filter })),
  releaseReservation: (id: number) => call("releaseReservation", "DELETE", address("/v1/reservations/{reservation_id}", { reservation_id: id })),
  shortages: (filter: StockQuery) => call("listShortages", "GET", address("/v1/shortages") + query({ ...filter })),
  replenishment: (filter: StockQuery & { state?: string }) => call("listReplenishment", "GET", address("/v1/replenishment") + query({ ...filter })),
  propose: (site: string | undefined) => call("proposeReplenishment", "POST", address("/v1/replenishment"), site === undefined ? {} : { site }),
  acceptProposal: (id: number) => call("acceptReplenishment", "POST", address("/v1/replenishment/{proposal_id}/accept", { proposal_id: id }), {}),
  dismissProposal: (id: number) => call("dismissReplenishment", "POST", address("/v1/replenishment/{proposal_id}/dismiss", { proposal_id: id }), {}),

  outbound: (filter: { state?: string | undefined; kind?: string | undefined; search?: string | undefined; newest_first?: string; limit: number; offset: number }) => call("listOutbound", "GET", address("/v1/outbound") + query(filter)),
  outboundAddress: (id: number) => address("/v1/outbound/{document}/content", { document: id }),
  outboundText: (id: number) => askText(address("/v1/outbound/{document}/content", { document: id })),
  resendOutbound: (id: number) => call("resendOutbound", "POST", address("/v1/outbound/{document}/resend", { document: id })),

  workOrderPegs: (id: number) => call("getWorkOrderPegs", "GET", address("/v1/work-orders/{work_order_id}/pegs", { work_order_id: id })),
  previewRearrangement: (wish: Wish) => call("previewRearrangement", "POST", address("/v1/work-orders/preview"), { wish }),
  applyRearrangement: (wish: Wish, token: string) => call("applyRearrangement", "POST", address("/v1/work-orders/apply"), { wish, token }),
  rearrangements: (filter: { work_order: number; limit: number; offset: number }) => call("listRearrangements", "GET", address("/v1/rearrangements") + query(filter)),
  undoRearrangement: (id: number) => call("undoRearrangement", "POST", address("/v1/rearrangements/{rearrangement_id}/undo", { rearrangement_id: id }), {}),

  ownOrders: (filter: { search?: string | undefined; open?: string | undefined; limit: number; offset: number }) => call("listOwnOrders", "GET", address("/v1/own/orders") + query(filter)),
  ownOrder: (number: string) => call("getOwnOrder", "GET", address("/v1/own/orders/{number}", { number })),
};

export interface StockQuery {
  site?: string | undefined;
  item?: string | undefined;
  search?: string | undefined;
  lot?: string | undefined;
  as_of?: string | undefined;
  limit: number;
  offset: number;
}
