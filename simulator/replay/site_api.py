"""The HTTP API's answers about sites, patiently: an API that restarts is asked again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final, Self

import httpx

_PAGE: Final = 10_000
_RETRY_S: Final = 0.25
_REQUEST_TIMEOUT_S: Final = 10.0


class ApiError(Exception):
    """The API refuses or does not answer; says what was asked and what came."""


class SiteApi:
    """Reads what is stored. `async with` it."""

    def __init__(self, url: str, token: str, *, patience_s: float) -> None:
        """Set up for an API.

        Args:
            url: the API's base address.
            token: a bearer token that may read.
            patience_s: for how long failures of one request are waited out.
        """
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._patience_s = patience_s

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=_REQUEST_TIMEOUT_S, trust_env=False
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def arrivals(self, sites: Iterable[str]) -> int:
        """How many MQTT messages of these sites are stored."""
        answers = [await self._get("/v1/ingest", {"site": site}) for site in sites]
        return sum(_number(answer, "arrivals") for answer in answers)

    async def operations(self, site: str) -> list[dict[str, Any]]:
        """All operations of a site, as the API sorts them."""
        return await self._items("/v1/operations", site)

    async def machines(self, site: str) -> list[dict[str, Any]]:
        """All machines of a site."""
        return await self._items("/v1/machines", site)

    async def dead_letters(self, sites: Iterable[str]) -> int:
        """How many dead letters the sites have."""
        answers = [
            await self._get("/v1/dead-letters", {"site": site, "limit": "1"}) for site in sites
        ]
        return sum(_number(answer, "total") for answer in answers)

    async def ready(self) -> bool:
        """Whether every part of the installation is there."""
        try:
            response = await self._client.get("/readyz")
        except httpx.TransportError:
            return False
        return response.status_code == HTTPStatus.OK

    async def _items(self, path: str, site: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while True:
            answer = await self._get(
                path, {"site": site, "limit": str(_PAGE), "offset": str(len(items))}
            )
            page = answer.get("items")
            if not isinstance(page, list):
                raise ApiError(f"GET {path}: no `items` in the answer")
            items += page
            if not page or len(items) >= int(answer.get("total", len(items))):
                return items

    async def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        begun = time.monotonic()
        while True:
            try:
                response = await self._client.get(path, params=query)
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__} {error}".strip()
            else:
                if response.status_code == HTTPStatus.OK:
                    return _object(path, response)
                trouble = f"{response.status_code} {response.text[:200]}"
                if response.is_client_error and response.status_code not in _PASSING:
                    raise ApiError(f"GET {path}: {trouble}")
            if time.monotonic() - begun > self._patience_s:
                raise ApiError(f"GET {self._url}{path}: {trouble}, for {self._patience_s:g} s")
            await asyncio.sleep(_RETRY_S)


_PASSING: Final = frozenset((HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS))


def _object(path: str, response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError as error:
        raise ApiError(f"GET {path}: the answer is not JSON; maybe the address is wrong") from error
    if not isinstance(answer, dict):
        raise ApiError(f"GET {path}: the answer is no object")
    return answer


def _number(answer: dict[str, Any], name: str) -> int:
    value = answer.get(name)
    if not isinstance(value, int):
        raise ApiError(f"the answer has no number {name!r}: {answer}")
    return value
