"""Shapes of splitting, merging and moving."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, Strict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.fields import Body, Code, Listing, Number, Quantity, Reason, Small, Wanted
from domain.pegging.needs import Running

Id = Annotated[int, Strict(), Field(ge=1, le=2**63 - 1)]
Hours = Annotated[int, Strict(), Field(ge=0, le=24 * 366)]
Token = Annotated[str, StringConstraints(min_length=64, max_length=64, pattern="^[0-9a-f]+$")]


class Split(Body):
    """Split a work order. `by` says how; the field of that name says how much."""

    action: Literal["split"]
    work_order: Id
    by: Literal["quantities", "batch", "capacity", "due", "order"]
    quantities: list[Quantity] | None = Field(
        default=None, min_length=1, max_length=1_000, description="What is split off."
    )
    batch_max: Quantity | None = Field(default=None, description="Pieces of a work order at most.")
    batch_min: Quantity | None = None
    multiple: Quantity | None = None
    capacity_hours: Quantity | None = Field(
        default=None, description="As much as the slowest operation makes in this time."
    )
    window_hours: Hours | None = Field(
        default=None, description="Demands due further apart than this are cut apart."
    )

    @model_validator(mode="after")
    def _says_how_much(self) -> Self:
        field = {
            "quantities": "quantities",
            "batch": "batch_max",
            "capacity": "capacity_hours",
            "due": "window_hours",
        }.get(self.by)
        if field is not None and getattr(self, field) is None:
            raise PydanticCustomError("by", f"splitting by {self.by} needs {field}")
        return self


class Merge(Body):
    """Put work orders together that make the same in the same way and have not begun."""

    action: Literal["merge"]
    work_orders: list[Id] = Field(min_length=2, max_length=1_000)
    into: Id | None = Field(default=None, description="Default: the one that is due first.")


class Arrange(Body):
    """Put the site's rules to work on its work orders that have not begun."""

    action: Literal["arrange"]
    site: Wanted
    item: Wanted | None = Field(default=None, description="Only work orders of this item.")
    family: Wanted | None = Field(default=None, description="Only of items of this family.")


class LineName(Body):
    """An order line."""

    order: Wanted
    line: Small


class GoodsName(Body):
    """A lot in stock (`lot`: the `id` that `GET /v1/stock` tells), or a line of a purchase."""

    lot: Id | None = None
    purchase: Wanted | None = None
    line: Small = Field(default=1, description="The purchase's line.")

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.lot is None) == (self.purchase is None):
            raise PydanticCustomError("goods", "name either a lot or a purchase")
        return self


class Move(Body):
    """Give an order line a quantity from another supply."""

    action: Literal["move"]
    demand: LineName
    quantity: Quantity = Field(description="In the item's unit.")
    source: Id | GoodsName | None = Field(
        default=None, description="A work order's id, or goods; null: its shortage."
    )
    target: Id | GoodsName | None = Field(
        default=None, description="A work order's id, or goods; null: nowhere for now."
    )


Wish = Annotated[Split | Merge | Arrange | Move, Field(discriminator="action")]


class PreviewRequest(Body):
    """What is to be rearranged."""

    wish: Wish


class ApplyRequest(Body):
    """The same wish with its preview's token."""

    wish: Wish
    token: Token
    reason: Reason | None = None


class PeggedLine(BaseModel):
    """For whom, how much."""

    order: str
    line: int
    customer: str
    quantity: Number
    due: datetime | None


class RearrangedWork(BaseModel):
    """A work order before and after; null on the side where it is not there."""

    id: int | None = Field(description="Null: it would be new.")
    number: str | None
    change: Literal["new", "gone", "changed"]
    item: str | None
    site: str
    unit: str
    started: bool
    quantity_before: Number | None
    quantity_after: Number | None
    split_from: str | None
    merged_into: str | None
    due: datetime | None
    projected_end_before: datetime | None
    projected_end: datetime | None
    lines: list[PeggedLine] = Field(description="Whom it is for afterwards.")
    surplus: Number = Field(description="For nobody, afterwards.")


class ConcernedGoods(BaseModel):
    """Goods whose pegs move. What is pegged to a lot is held: nobody else is promised it."""

    kind: Literal["stock_lot", "purchase_line"]
    id: int
    name: str = Field(description="The lot and where it lies; or the purchase and its line.")
    item: str
    site: str
    unit: str
    free_before: Number = Field(description="Meant for nobody, and promised to nobody.")
    free_after: Number
    lines: list[PeggedLine] = Field(description="Whom it is for afterwards.")


class ConcernedLine(BaseModel):
    """An order line whose pegs move, and what becomes of its date by these work orders."""

    order: str
    line: int
    customer: str
    item: str
    quantity: Number
    unit: str
    due: datetime | None
    projected_end_before: datetime | None
    projected_end: datetime | None
    late_before: bool | None
    late: bool | None


class Preview(BaseModel):
    """What a rearrangement would do. Apply it with `token`, as long as nothing has changed."""

    token: str
    nothing: bool = Field(description="There is nothing to rearrange.")
    work_orders_before: int
    work_orders_after: int
    setup_minutes_before: float | None
    setup_minutes_after: float | None
    setup_saved_minutes: float | None = Field(
        description="Over the whole plan of the scope; null when no plan can be made."
    )
    setups_before: int | None
    setups_after: int | None
    estimated: bool = Field(
        description="Dates are work after work: no plan could be made to tell them."
    )
    work_orders: list[RearrangedWork]
    goods: list[ConcernedGoods]
    lines: list[ConcernedLine]


class Rearrangement(BaseModel):
    """Something that was rearranged."""

    id: int
    site: str
    kind: Literal["split", "merge", "arrange", "move"]
    made_at: datetime
    made_by: str
    reason: str | None
    wish: dict[str, Any]
    before: list[str] = Field(description="Numbers of the work orders that there were.")
    after: list[str] = Field(description="Numbers of those that there are.")
    undone_at: datetime | None
    undone_by: str | None


class Undoing(Body):
    """Why something is undone."""

    reason: Reason | None = None


class RearrangementList(Listing[Rearrangement]):
    """Rearrangements, newest first."""


class Rule(Body):
    """For some items: when work orders are put together, and how large they may be."""

    item: Code | None = None
    family: Code | None = None
    merge: Annotated[bool, Strict()] = False
    window_hours: Hours | None = None
    batch_max: Quantity | None = None
    batch_min: Quantity | None = None
    multiple: Quantity | None = None
    capacity_hours: Quantity | None = None
    split_due: Annotated[bool, Strict()] = False
    from_stock: Annotated[bool, Strict()] | None = Field(
        default=None, description="Null: as the policy says for the whole site."
    )


class ShownRule(BaseModel):
    """A rule as it stands."""

    item: str | None
    family: str | None
    merge: bool
    window_hours: int | None
    batch_max: Number | None
    batch_min: Number | None
    multiple: Number | None
    capacity_hours: Number | None
    split_due: bool
    from_stock: bool | None


class WorkOrderPolicy(Body):
    """How a site wants its work orders; the first rule that fits an item counts."""

    rules: list[Rule] = Field(default=[], max_length=1_000)
    at_release: Annotated[bool, Strict()] = Field(
        default=False, description="The rules apply when orders are released."
    )
    join_open: Annotated[bool, Strict()] = Field(
        default=False,
        description="Released lines join work orders of earlier releases that have not begun.",
    )
    running: Running = Field(
        default=Running.STOP,
        description="What becomes of work that has begun and is wanted no more.",
    )
    at_confirmation: Annotated[bool, Strict()] = Field(
        default=False,
        description="Orders are released, by the rules, as soon as they are confirmed.",
    )
    from_stock: Annotated[bool, Strict()] = Field(
        default=False,
        description=(
            "Released lines take what lies free in stock first (made to stock); else all of it is"
            " made (made to order)."
        ),
    )


class ShownPolicy(BaseModel):
    """A site's policy as it stands."""

    site: str
    rules: list[ShownRule]
    at_release: bool
    join_open: bool
    running: Running
    at_confirmation: bool
    from_stock: bool


class AttributedLine(PeggedLine):
    """With what has been made for it."""

    made: Number


class AlikeWork(BaseModel):
    """A work order that another one can be merged with."""

    id: int
    number: str
    quantity: Number
    unit: str
    due: datetime | None
    lines: list[PeggedLine] = Field(description="Whom it is for.")


class WorkOrderPegs(BaseModel):
    """Whom a work order is for, and what of it is for nobody."""

    work_order: str
    kind: Literal["make", "rework", "stock"]
    closing: Running | None = Field(description="What the floor is asked for.")
    quantity: Number | None
    good_pieces: Number
    to_stock: Number = Field(description="Good pieces that are nobody's.")
    surplus: Number
    splittable: Number = Field(description="How much can be split off.")
    alike: list[int] = Field(description="Work orders that it can be merged with.")
    candidates: list[AlikeWork] = Field(description="The same, as one chooses among them.")
    lines: list[AttributedLine]


class SiteCandidate(BaseModel):
    """What a site could do for a line."""

    site: str
    chosen: bool = Field(description="The rule would choose it.")
    current: bool
    source: Literal["stock", "make"] | None
    ready: datetime | None
    transport_hours: float
    arrives: datetime | None = Field(description="At the site that handles the order.")
    in_time: bool | None
    why_not: str | None


class SiteCandidates(BaseModel):
    """The sites for a line, the best first."""

    order: str
    line: int
    item: str
    quantity: Number
    unit: str
    due: datetime | None
    current: str
    chosen: str | None
    reason: str
    version: int = Field(description="The order's; assign with it.")
    candidates: list[SiteCandidate]


class SiteAssignment(Body):
    """Which site makes or delivers a line; without `site` the rule chooses."""

    site: Wanted | None = None
    version: Annotated[int, Strict(), Field(ge=0, le=2**63 - 1)] | None = None
    reason: Reason | None = None
