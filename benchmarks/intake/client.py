"""A client that costs next to nothing, so that what is measured is the installation.

HTTP/1.1 over one connection each, kept open; answers have a length, as the API's have.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"


class Client:
    """Posts bytes on one connection."""

    def __init__(self, url: str, token: str) -> None:
        address = urlsplit(url)
        self._host = address.hostname or "127.0.0.1"
        self._port = address.port or 80
        self._head = f"Host: {address.netloc}\r\nAuthorization: Bearer {token}\r\n".encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        self._streams = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._streams is not None:
            self._streams[1].close()
            await self._streams[1].wait_closed()

    async def post(self, path: str, body: bytes, media_type: str) -> bytes:
        """Send something; answers the body of the answer.

        Raises:
            RuntimeError: it was refused.
        """
        if self._streams is None:
            raise RuntimeError("the client is not connected")
        reader, writer = self._streams
        head = f"POST {path} HTTP/1.1\r\nContent-Type: {media_type}\r\n".encode()
        writer.write(head + self._head + b"Content-Length: %d" % len(body) + _HEAD_END + body)
        answer = (await reader.readuntil(_HEAD_END)).lower()
        length = int(answer.partition(_LENGTH)[2].partition(b"\r\n")[0])
        content = await reader.readexactly(length)
        status = int(answer.split(b" ", 2)[1])
        if status != 200:
            raise RuntimeError(f"{path} answered {status}: {content[:500]!r}")
        return content
