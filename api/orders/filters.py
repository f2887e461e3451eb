"""Which orders a list, an export or a bulk action is about: as a query string and as a body."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field

from api.chosen_sites import ChosenSites, Sites
from api.fields import Body, Moment, Small, Wanted
from domain.orders import LineState
from domain.review import Code
from store.order_lists import OrderQuery

_SEARCH = "Text in number, customer, their reference, or external id."
_OPEN = "True: something is still to be made; false: nothing is."
_LATE = "True: open, and overdue or projected to end after a due date; false: not."


class OrderFilter(Body):
    """Which orders are meant; absent: whatever it is."""

    site: Wanted | None = Field(default=None, description="Of this site (its code).")
    state: LineState | None = None
    customer: Wanted | None = Field(default=None, description="The customer's code.")
    source: Wanted | None = Field(default=None, description="Where it comes from.")
    channel: Wanted | None = Field(default=None, description="The channel's name.")
    item: Wanted | None = Field(default=None, description="With a line of this item (its code).")
    due_from: Moment | None = None
    due_until: Moment | None = Field(default=None, description="Due before then.")
    received_from: Moment | None = None
    received_until: Moment | None = Field(default=None, description="Received before then.")
    finding: Code | None = Field(default=None, description="With an open finding of this code.")
    search: Wanted | None = Field(default=None, description=_SEARCH)
    open: bool | None = Field(default=None, description=_OPEN)
    late: bool | None = Field(default=None, description=_LATE)
    priority_at_least: Small | None = None

    @property
    def query(self) -> OrderQuery:
        """The same for the store."""
        return OrderQuery(
            site=self.site,
            state=self.state,
            customer=self.customer,
            source=self.source,
            channel=self.channel,
            item=self.item,
            due_from=self.due_from,
            due_until=self.due_until,
            received_from=self.received_from,
            received_until=self.received_until,
            finding=self.finding,
            search=self.search,
            is_open=self.open,
            late=self.late,
            priority_at_least=self.priority_at_least,
        )


async def _wanted(
    *,
    sites: Sites,
    state: LineState | None = None,
    customer: Annotated[Wanted | None, Query(description="The customer's code.")] = None,
    source: Annotated[Wanted | None, Query(description="Where it comes from.")] = None,
    channel: Annotated[Wanted | None, Query(description="The channel's name.")] = None,
    item: Annotated[
        Wanted | None, Query(description="With a line of this item (its code).")
    ] = None,
    due_from: Moment | None = None,
    due_until: Annotated[Moment | None, Query(description="Due before then.")] = None,
    received_from: Moment | None = None,
    received_until: Annotated[Moment | None, Query(description="Received before then.")] = None,
    finding: Annotated[Code | None, Query(description="With an open finding of this code.")] = None,
    search: Annotated[Wanted | None, Query(description=_SEARCH)] = None,
    is_open: Annotated[bool | None, Query(alias="open", description=_OPEN)] = None,
    late: Annotated[bool | None, Query(description=_LATE)] = None,
    priority_at_least: Annotated[int | None, Query(ge=-(2**31), le=2**31 - 1)] = None,
) -> ChosenOrders:
    query = OrderQuery(
        site=sites.site,
        state=state,
        customer=customer,
        source=source,
        channel=channel,
        item=item,
        due_from=due_from,
        due_until=due_until,
        received_from=received_from,
        received_until=received_until,
        finding=finding,
        search=search,
        is_open=is_open,
        late=late,
        priority_at_least=priority_at_least,
    )
    return ChosenOrders(query, sites)


class ChosenOrders:
    """The orders that a list is about, and the sites that whoever asks may see."""

    def __init__(self, query: OrderQuery, sites: ChosenSites) -> None:
        self.query = query
        self.limited_to = sites.limited_to


WantedOrders = Annotated[ChosenOrders, Depends(_wanted)]
"""The query parameters of a list of orders, for whoever may read."""
