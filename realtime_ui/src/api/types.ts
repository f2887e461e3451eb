import type { components as Live } from "../live/protocol.gen.ts";
import type { components as Rest } from "./openapi.gen.ts";

type LiveViews = Live["schemas"];
type Resources = Rest["schemas"];

export type MachineTile = LiveViews["MachineTile"];
export type FloorSummary = LiveViews["FloorSummary"];
export type CurrentOperation = LiveViews["CurrentOperation"];
export type TerminalView = LiveViews["TerminalView"];
export type OperationProgress = LiveViews["OperationProgress"];

export type PlanHead = LiveViews["PlanHead"];
export type PlanReason = LiveViews["PlanReason"];
export type PlanMachine = LiveViews["PlanMachine"];
export type PlanBar = LiveViews["PlanBar"];
export type DisruptionView = LiveViews["DisruptionView"];

export type OrderLine = Resources["OrderLine"];
export type OrderDetails = Resources["Order"];
export type OrderSummary = Resources["OrderSummary"];
/** A shipment of an order, told live or by REST. */
export type DeliveryView = LiveViews["DeliveryView"];
export type LateCause = Resources["LateCause"];
/** An order on a screen, told live or by REST. The live protocol leaves its lines open: they are REST's. */
export type OrderView = Omit<LiveViews["OrderView"], "lines" | "late_because"> & { lines: OrderLine[]; late_because?: LateCause[] };
/** What a customer may see, told live or by REST. */
export type TrackingView = Omit<LiveViews["TrackingView"], "stages" | "changes"> & {
  stages: (Omit<Resources["StageMark"], "stage"> & { stage: string })[];
  changes: Resources["Change"][];
};

export type User = Resources["User"];
export type Permission = Resources["Permission"];
export type Site = Resources["Site"];
export type Customer = Resources["Customer"];
export type Item = Resources["Item"];
export type AuditEntry = Resources["AuditEntry"];
export type DeadLetter = Resources["DeadLetter"];
export type CreatedLink = Resources["CreatedLink"];
export type NewOrder = Resources["NewOrder"];
export type OrderChange = Resources["OrderChange"];
export type Planning = Resources["Planning"];
export type Policy = Resources["Policy"];
export type PlanSummary = Resources["PlanSummary"];
export type PlanVersion = Resources["Plan"];
export type PlannedOrder = Resources["PlannedOrder"];
export type PlanLateCause = Resources["LateCause"];
export type PlanDifferences = Resources["PlanDifferences"];
export type OperationDifference = Resources["OperationDifference"];
export type OrderDifference = Resources["OrderDifference"];
export type JobEvent = Resources["JobEvent"];
export type OrderFilter = Resources["OrderFilter"];
export type Bulk = Resources["Bulk"];
export type BulkAction = Bulk["action"];
export type Outcomes = Resources["Outcomes"];
export type CancellationPreview = Resources["CancellationPreview"];
export type SavedView = Resources["SavedView"];
export type NewView = Resources["NewView"];
export type TimelineEntry = Resources["TimelineEntry"];
export type Finding = Resources["Finding"];
export type WaitingOrder = Resources["WaitingOrder"];
export type FindingCode = Resources["Code"];
export type Format = Resources["domain__documents__Format"];
export type TableFormat = Resources["TableFormat"];
export type ColumnMapping = Resources["ColumnMapping"];
export type Intake = Resources["Intake"];
export type DocumentProblem = Resources["DocumentProblem"];
export type TakenDocument = Resources["TakenDocument"];
export type TablePreview = Resources["api__intake__schemas__Preview"];
export type RegisteredDocument = Resources["RegisteredDocument"];
export type NewPromise = Resources["NewPromise"];
export type PromiseAnswer = Resources["Promise"];
export type Reservation = Resources["Reservation"];
export type StockSum = Resources["Sum"];
export type StockLot = Resources["Lot"];
export type Movement = Resources["Movement"];
export type Shortage = Resources["Shortage"];
export type ReplenishmentProposal = Resources["ReplenishmentProposal"];
export type OutboundDocument = Resources["OutboundDocument"];
export type Wish = Resources["PreviewRequest"]["wish"];
export type RearrangementPreview = Resources["api__pegging__schemas__Preview"];
export type Rearrangement = Resources["Rearrangement"];
export type WorkOrderPegs = Resources["WorkOrderPegs"];
export type OwnOrderSummary = Resources["OwnOrderSummary"];
export type OwnOrder = Resources["OwnOrder"];
export type Party = Resources["Party"];
