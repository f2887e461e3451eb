"""Asking Yonyou YonBIP's OpenAPI for sales orders.

First the tenant's own addresses are looked up, then a token is asked for with a signature by the
app's secret. Calls carry the token; failures come with status 200 and a code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from connectors.polling.client import (
    Caller,
    Changed,
    RefusedError,
    SessionLostError,
    SlowDownError,
    UnreachableError,
)

PUBLIC_URL: Final = "https://apigateway.yonyoucloud.com"
PAGE: Final = 200
_GATEWAY: Final = "/open-auth/dataCenter/getGatewayAddress"
_TOKEN: Final = "/open-auth/selfAppAuth/getAccessToken"  # noqa: S105 - a path
_LIST: Final = "/yonbip/sd/voucherorder/list"
_DETAIL: Final = "/yonbip/sd/voucherorder/detail"
_DONE: Final = "00000"
_LOST: Final = frozenset({"310001", "310003", "310036"})
_LOST_TEXT: Final = "非法token"
"""Some of its services answer a token that is no longer good with this text and nothing else."""
_BUSY: Final = frozenset({"310032", "310039", "310042", "310046"})
_FAULTS: Final = frozenset({"310043", "310071", "310072", "310504"})
_MISSING: Final = "1002"
_SWEEPS: Final = 3


class YonyouAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Where and as whom to sign in.

    Attributes:
        tenant: the tenant's id, by which its data centre is found.
        app_key: of the app that the tenant made for gemba.
        secret: the app's.
        url: where data centres are looked up.
    """

    tenant: str
    app_key: str
    secret: str
    url: str = PUBLIC_URL

    def __repr__(self) -> str:
        """Without the secret."""
        return f"YonyouAccount(tenant={self.tenant!r}, app_key={self.app_key!r})"


def signature(parameters: dict[str, str], secret: str) -> str:
    """Base64 of HMAC-SHA256 over names and values, sorted by name and put together."""
    text = "".join(f"{name}{value}" for name, value in sorted(parameters.items()))
    made = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(made).decode("ascii")


class YonyouClient:
    """Sales orders of one tenant."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        account: YonyouAccount,
        *,
        page: int = PAGE,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        **how: Any,
    ) -> None:
        """Asks by `http`; `now_ms` is the time that is signed, `how` as in `Caller`."""
        self._account = account
        self._page = page
        self._now_ms = now_ms
        self._caller = Caller(http, self._sign_in, **how)
        self._gateway = ""
        self._token_url = ""
        self._token = ""

    async def changed(self, since: datetime) -> AsyncIterator[Changed]:
        """Orders changed at or after a moment, by their ids, each at least once."""
        for _ in range(_SWEEPS):
            first = 0
            page = 1
            while True:
                data = await self._caller.call(lambda at=page: self._list(since, at))  # type: ignore[misc]  # the default binds the loop's value
                count = int(data.get("recordCount") or 0)
                first = count if page == 1 else first
                records = data.get("recordList") or []
                for record in records:
                    yield _changed(record)
                if not records or page * self._page >= count:
                    break
                page += 1
            if count >= first:
                return
            # One was deleted meanwhile, so another may have slipped onto a page already read.
        raise UnreachableError("orders vanish from YonBIP's list faster than it can be read")

    async def order(self, changed: Changed) -> bytes | None:
        """An order with its details; None: it was deleted since."""
        told = await self._caller.call(lambda: self._detail(changed))
        return None if told is None else msgspec.json.encode(told)

    async def _sign_in(self) -> None:
        if not self._gateway:
            self._gateway, self._token_url = await self._addresses()
        parameters = {"appKey": self._account.app_key, "timestamp": str(self._now_ms())}
        signed = parameters | {"signature": signature(parameters, self._account.secret)}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in signed.items())
        told = await self._caller.json("GET", f"{self._token_url}{_TOKEN}?{query}")
        data = _data(told, f"a token for app {self._account.app_key!r}; check app key and secret")
        token = data.get("access_token")
        if not isinstance(token, str) or not token:
            raise RefusedError("YonBIP answers the signature without an access_token")
        self._token = token

    async def _addresses(self) -> tuple[str, str]:
        """The tenant's gateway, and where its tokens come from."""
        tenant = quote(self._account.tenant, safe="")
        url = f"{self._account.url.rstrip('/')}{_GATEWAY}?tenantId={tenant}"
        data = _data(
            await self._caller.json("GET", url), f"addresses of tenant {self._account.tenant!r}"
        )
        found = [str(data.get(key) or "").rstrip("/") for key in ("gatewayUrl", "tokenUrl")]
        for address in found:
            if not address.startswith(("https://", "http://")):
                raise RefusedError(f"YonBIP answers an address that is none: {address!r}")
        return found[0], found[1]

    async def _list(self, since: datetime, page: int) -> dict[str, Any]:
        # There is no "at or after", and moments there are whole seconds.
        before = since.replace(microsecond=0) - timedelta(seconds=1)
        asked = {
            "pageIndex": page,
            "pageSize": self._page,
            "isSum": True,
            "simpleVOs": [{"field": "pubts", "op": "gt", "value1": before.isoformat(sep=" ")}],
            "queryOrders": [{"field": "id", "order": "asc"}],
        }
        told = await self._caller.json("POST", self._url(_LIST), json=asked)
        _require_success(told)
        data = told.get("data")
        if not isinstance(data, dict):
            raise RefusedError("YonBIP answers its list of orders without data")
        return data

    async def _detail(self, changed: Changed) -> Any:
        url = f"{self._url(_DETAIL)}&id={quote(changed.id, safe='')}"
        told = await self._caller.json("GET", url)
        if isinstance(told, dict) and str(told.get("code")) == _MISSING:
            return None
        _require_success(told)
        return told

    def _url(self, path: str) -> str:
        return f"{self._gateway}{path}?access_token={quote(self._token, safe='')}"


def _data(told: Any, what: str) -> dict[str, Any]:
    """What a call of the sign-in answers."""
    code = str(told.get("code")) if isinstance(told, dict) else ""
    if code in _BUSY:
        raise SlowDownError(str(told.get("message")))
    if code != _DONE or not isinstance(told.get("data"), dict):
        reason = told.get("message") if isinstance(told, dict) else told
        raise RefusedError(
            f"YonBIP does not give {what}: {str(reason)[:200]} ({code or 'no code'})"
        )
    data: dict[str, Any] = told["data"]
    return data


def _changed(record: Any) -> Changed:
    try:
        at = datetime.fromisoformat(str(record["pubts"]))
        return Changed(id=str(record["id"]), number=str(record["code"]), at=at.replace(tzinfo=None))
    except (KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"expected id, code and pubts of an order: {error!r}") from error


def _require_success(told: Any) -> None:
    if not isinstance(told, dict):
        if _LOST_TEXT in str(told):
            raise SessionLostError(_LOST_TEXT)
        raise RefusedError(f"expected JSON, but YonBIP answers {str(told)[:200]!r}")
    code, reason = str(told.get("code")), str(told.get("message") or "no reason told")
    if code == "200":
        return
    if code in _LOST:
        raise SessionLostError(f"{reason} ({code})")
    if code in _BUSY:
        raise SlowDownError(f"{reason} ({code})")
    if code in _FAULTS:
        raise UnreachableError(f"{reason} ({code})")
    raise RefusedError(f"YonBIP refuses: {reason} ({code})")
