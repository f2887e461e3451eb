"""No request changes threads to learn what it may: dependencies are coroutines."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api import service


def calls(dependant: Dependant) -> Iterator[object]:
    """A route's endpoint, and everything that it depends on."""
    yield dependant.call
    for each in dependant.dependencies:
        yield from calls(each)


def is_coroutine(call: object) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
        getattr(call, "__call__", None)  # noqa: B004 - an object that is called
    )


def test_every_dependency_of_every_route_is_a_coroutine() -> None:
    routes = [
        route
        for router in service._ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
    ]
    assert len(routes) > 100
    plain = {
        f"{route.path}: {call}"
        for route in routes
        for call in calls(route.dependant)
        if not is_coroutine(call)
    }
    assert plain == set()
