"""`gemba replay dead-letters`: through the API, as people do it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import httpx

_PAGE = 500
_TIMEOUT_S = 30


def replay_letters(
    api_url: str, token: str, *, site: str, ids: Sequence[int] | None = None
) -> dict[str, int]:
    """Replay a site's dead letters (or those of the ids) that have not been replayed yet.

    Returns:
        How many were `replayed` and how many `failed`.

    Raises:
        ConnectionError: the API does not answer, or refuses.
    """
    outcome = {"replayed": 0, "failed": 0}
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=api_url, headers=headers, timeout=_TIMEOUT_S) as api:
            chosen = list(_waiting(api, site)) if ids is None else list(ids)
            for letter in chosen:
                answer = api.post(f"/v1/dead-letters/{letter}/replay")
                outcome["replayed" if answer.is_success else "failed"] += 1
    except httpx.HTTPStatusError as error:
        raise ConnectionError(f"the API answers {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise ConnectionError(f"the API at {api_url} does not answer: {error}") from error
    return outcome


def _waiting(api: httpx.Client, site: str) -> Iterator[int]:
    """Ids of the letters that have not been replayed, page by page."""
    offset = 0
    while True:
        answer = api.get(
            "/v1/dead-letters", params={"site": site, "limit": _PAGE, "offset": offset}
        )
        answer.raise_for_status()
        items = answer.json()["items"]
        yield from (item["id"] for item in items if item.get("replayed_at") is None)
        if len(items) < _PAGE:
            return
        offset += _PAGE
