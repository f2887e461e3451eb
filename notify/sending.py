"""One signed message to one address, with nothing followed and nothing private reached.

The address of a name is looked up, checked, and that very address is connected to: a name that
answers otherwise the next time (DNS rebinding) gains nothing. TLS still verifies the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx
import msgspec

from domain.outward import is_public, signature
from runtime.clock import Clock
from runtime.sealed import SealError, unseal

JSON: Final = "application/json"
_LONGEST_ERROR: Final = 500
_PORTS: Final = {"https": 443, "http": 80}
_OK: Final = 200
_NOT_OK: Final = 300
_GONE: Final = 410


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt. `status`: None when nothing was answered."""

    status: int | None
    error: str | None

    @property
    def arrived(self) -> bool:
        """Whether the receiver has taken it."""
        return self.error is None

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more."""
        return self.status == _GONE


class RefusedAddressError(Exception):
    """Where nothing is sent to."""


class UnreachedError(Exception):
    """Nothing was answered; says why."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered.

    Attributes:
        headers: by their names in small letters.
        body: its beginning, as much as was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether its status is one of those that mean so."""
        return _OK <= self.status < _NOT_OK


class Sender:
    """Sends under sealed secrets, each attempt with a time of its own.

    Args:
        clock: the time.
        installation_key: opens the secrets.
        timeout_s: how long a receiver has.
        private: whether addresses of this network may be reached.
    """

    def __init__(
        self, *, clock: Clock, installation_key: str, timeout_s: float, private: bool
    ) -> None:
        self._clock = clock
        self._key = installation_key
        self._timeout_s = timeout_s
        self._private = private

    async def attempt(
        self,
        client: httpx.AsyncClient,
        url: str,
        *,
        sealed_secret: bytes,
        purpose: str,
        message_id: str,
        content: bytes,
        media_type: str = JSON,
        more: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Send once; `purpose`: what the secret is sealed for. The rest as in `send`."""
        try:
            key = unseal(self._key, sealed_secret, purpose=purpose)
        except SealError as error:
            return Outcome(status=None, error=str(error))
        longest = 2 * self._timeout_s
        try:
            async with asyncio.timeout(longest):
                return await send(
                    client,
                    url,
                    key=key,
                    message_id=message_id,
                    content=content,
                    now_s=self._clock.now_ms() // 1000,
                    private=self._private,
                    media_type=media_type,
                    more=more,
                )
        except TimeoutError:
            return Outcome(status=None, error=f"no answer within {longest} s")


async def send(
    client: httpx.AsyncClient,
    url: str,
    *,
    key: bytes,
    message_id: str,
    content: bytes,
    now_s: int,
    private: bool,
    media_type: str = JSON,
    more: Mapping[str, str] | None = None,
) -> Outcome:
    """Send a message; whatever goes wrong is an outcome.

    Args:
        client: follows no redirects, uses no proxy, has a time-out.
        url: where to.
        key: signs it.
        message_id: the same at each attempt.
        content: what is sent.
        now_s: the time of the attempt, in seconds since 1970.
        private: whether addresses of this network may be reached, and without TLS.
        media_type: of what is sent.
        more: further headers.
    """
    headers = {
        **(more or {}),
        "content-type": media_type,
        "user-agent": "gemba-notify",
        "webhook-id": message_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": signature(key, message_id, now_s, content),
    }
    try:
        answer = await post(client, url, content=content, headers=headers, private=private)
    except UnreachedError as error:
        return Outcome(status=None, error=str(error))
    if answer.is_success:
        return Outcome(status=answer.status, error=None)
    return Outcome(status=answer.status, error=f"the receiver answered {answer.status}")


async def post(
    client: httpx.AsyncClient,
    url: str,
    *,
    content: bytes,
    headers: Mapping[str, str],
    private: bool,
    most_bytes: int = 0,
) -> Answer:
    """Post something; `most_bytes`: so much of the answer is read. The rest as in `send`.

    Raises:
        UnreachedError: nothing was answered, or it is nowhere that anything is sent to.
    """
    try:
        parts, port = _checked(url, private=private)
        address = await _resolved(parts.hostname or "", port, private=private)
        target = httpx.URL(url).copy_with(host=address)
        host = httpx.URL(url).netloc.decode()
        async with client.stream(
            "POST",
            target,
            content=content,
            headers={**headers, "host": host.rpartition("@")[2]},
            extensions={"sni_hostname": parts.hostname or ""},
        ) as answer:
            return Answer(
                status=answer.status_code,
                headers={name.lower(): value for name, value in answer.headers.items()},
                body=await _beginning(answer, most_bytes),
            )
    except (RefusedAddressError, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        words = f"{type(error).__name__}: {error}".rstrip(": ")
        raise UnreachedError(words[:_LONGEST_ERROR]) from error


async def _beginning(answer: httpx.Response, most_bytes: int) -> bytes:
    read = bytearray()
    if most_bytes:
        async for part in answer.aiter_bytes():
            read += part
            if len(read) >= most_bytes:
                break
    return bytes(read[:most_bytes])


def _checked(url: str, *, private: bool) -> tuple[SplitResult, int]:
    """A URL's parts and port.

    Raises:
        RefusedAddressError: it is none that anything is sent to.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise RefusedAddressError(f"{parts.scheme}:// is not sent to, only https://")
    if not parts.hostname:
        raise RefusedAddressError("the address names no host")
    return parts, parts.port or _PORTS[parts.scheme]


async def _resolved(host: str, port: int, *, private: bool) -> str:
    """The address to connect to; all that a name means have to be allowed.

    Raises:
        RefusedAddressError: one of them is of this network or machine.
        OSError: there is none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    refused = [address for address in addresses if not private and not is_public(address)]
    if refused or not addresses:
        raise RefusedAddressError(
            f"{host} is {', '.join(refused) or 'nowhere'}: private addresses are not sent to;"
            " GEMBA_WEBHOOKS_TO_PRIVATE_ADDRESSES=true allows it"
        )
    return addresses[0]
