"""Handing fetched orders to `POST /v1/intake/{format}`, and what becomes of them."""

from __future__ import annotations

from typing import Any, Final

import httpx
import msgspec

from domain.documents import Format

_UNREADABLE: Final = 422


class HandoverError(Exception):
    """The API does not answer, or does not take what it is handed."""


class Told(msgspec.Struct, kw_only=True):
    """What became of a round: orders read, outcomes by name, and what was refused and why."""

    delivered: int = 0
    gone: int = 0
    since: str = ""
    outcomes: dict[str, int] = {}
    refused: list[str] = []


async def hand_over(
    api: httpx.AsyncClient,
    told: Told,
    body: bytes,
    *,
    spoken: Format,
    channel: str,
    source: str | None,
) -> None:
    """Hand a list of orders over by a channel, and take down in `told` what became of them.

    Args:
        api: signed in.
        told: what became of the round so far.
        body: a JSON list.
        spoken: the orders' format.
        channel: by which they come in.
        source: who numbered them, where the channel does not say.

    Raises:
        HandoverError: nobody took them; they are to be handed over again.
    """
    query = {"channel": channel} | ({} if source is None else {"source": source})
    answer = await ask(api, "POST", f"/v1/intake/{spoken}", content=body, params=query)
    said = _content(answer)
    if answer.status_code == _UNREADABLE:
        # Orders that cannot be read hold up no others.
        faults = said.get("errors") or [{"field": "", "problem": said.get("detail", "")}]
        told.refused += [f"{one['field']}: {one['problem']}" for one in faults]
        told.outcomes["refused"] = told.outcomes.get("refused", 0) + 1
        return
    if not answer.is_success:
        raise HandoverError(f"the API: {said.get('detail', answer.status_code)}")
    for document in said["documents"]:
        outcome = document["outcome"]
        told.outcomes[outcome] = told.outcomes.get(outcome, 0) + 1
    told.refused += [
        f"{problem['document'] or ''} {problem['place']}: {problem['problem']}".strip()
        for problem in said["problems"]
        if problem["severity"] == "error"
    ]


async def ask(api: httpx.AsyncClient, method: str, path: str, **request: Any) -> httpx.Response:
    """What the API answers.

    Raises:
        HandoverError: nothing.
    """
    try:
        return await api.request(method, path, **request)
    except httpx.HTTPError as error:
        raise HandoverError(f"the API does not answer: {error!r}") from error


def _content(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        problem = f"the API: status {answer.status_code}, and no JSON; is another program there?"
        raise HandoverError(problem)
    return content
