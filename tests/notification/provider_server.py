"""A provider that listens on 127.0.0.1: keeps what it is asked, and answers or misbehaves as told.

The checks of signatures are written from the providers' texts and use nothing of the program's.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def content(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer; `hang`: seconds before it, `drop`: none at all."""

    status: int = 200
    content: Any = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0.0
    drop: bool = False

    @property
    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.content is None else json.dumps(self.content).encode()


Answers = Callable[[Asked], Reply]


class ProviderServer:
    """`replies` are given one after the other, then what `answers` says."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.replies: list[Reply] = []
        self.asked: list[Asked] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def host(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, as it may
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        reply = self.replies.pop(0) if self.replies else self.answers(asked)
        await asyncio.sleep(reply.hang)
        if reply.drop:
            return
        more = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        writer.write(
            f"HTTP/1.1 {reply.status} As told\r\n{more}Content-Length: {len(reply.body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + reply.body
        )
        await writer.drain()


def aliyun_signed(asked: Asked, secret: str) -> bool:
    """Signature V3, step by step as the documentation has it."""
    words = dict(
        part.strip().split("=", 1)
        for part in asked.headers["authorization"].removeprefix("ACS3-HMAC-SHA256 ").split(",")
    )
    names = words["SignedHeaders"].split(";")
    wanted = {"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-version"}
    if not wanted <= set(names) or names != sorted(names):
        return False
    if asked.headers["x-acs-content-sha256"] != hashlib.sha256(asked.body).hexdigest():
        return False
    pairs = [pair.partition("=") for pair in urlsplit(asked.target).query.split("&")]
    query = "&".join(
        f"{quote(unquote(name), safe='-_.~')}={quote(unquote(value), safe='-_.~')}"
        for name, _, value in sorted(pairs)
    )
    request = (
        f"POST\n/\n{query}\n"
        + "".join(f"{name}:{asked.headers[name]}\n" for name in names)
        + f"\n{words['SignedHeaders']}\n{asked.headers['x-acs-content-sha256']}"
    )
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
    digest = hmac.digest(secret.encode(), text.encode(), hashlib.sha256).hex()
    return hmac.compare_digest(digest, words["Signature"])


def tencent_signed(asked: Asked, secret: str, *, now_s: float) -> bool:
    """TC3-HMAC-SHA256, and a time that is not further off than five minutes."""
    words = dict(
        part.strip().split("=", 1)
        for part in asked.headers["authorization"].removeprefix("TC3-HMAC-SHA256 ").split(",")
    )
    stamp = asked.headers["x-tc-timestamp"]
    if abs(int(stamp) - now_s) > 300:
        return False
    scope = words["Credential"].partition("/")[2]
    day, service, _ = scope.split("/")
    names = words["SignedHeaders"].split(";")
    values = {**asked.headers, "x-tc-action": asked.headers["x-tc-action"].lower()}
    request = (
        "POST\n/\n\n"
        + "".join(f"{name}:{values[name]}\n" for name in names)
        + f"\n{words['SignedHeaders']}\n{hashlib.sha256(asked.body).hexdigest()}"
    )
    text = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = b"TC3" + secret.encode()
    for part in (day, service, "tc3_request", text):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return hmac.compare_digest(key.hex(), words["Signature"])


def dingtalk_signed(asked: Asked, secret: str, *, now_ms: float) -> bool:
    """`sign` and a `timestamp` that is not further off than an hour."""
    stamp = asked.query["timestamp"]
    digest = hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256)
    fresh = abs(int(stamp) - now_ms) < 3_600_000
    return fresh and base64.b64encode(digest).decode() == asked.query["sign"]


def feishu_signed(asked: Asked, secret: str, *, now_s: float) -> bool:
    """`sign` and a `timestamp` that is not further off than an hour."""
    stamp = asked.content["timestamp"]
    digest = hmac.digest(f"{stamp}\n{secret}".encode(), b"", hashlib.sha256)
    fresh = abs(int(stamp) - now_s) < 3_600
    return fresh and base64.b64encode(digest).decode() == asked.content["sign"]


def is_signed(asked: Asked, secret: str) -> bool:
    """Standard Webhooks' check."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamp = asked.headers["webhook-timestamp"]
    content = f"{asked.headers['webhook-id']}.{stamp}.".encode() + asked.body
    wanted = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return asked.headers["webhook-signature"] == f"v1,{wanted}"
