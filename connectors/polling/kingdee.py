"""Asking Kingdee K3 Cloud's WebAPI for sales orders.

A session comes from `AuthService.LoginByAppSecret` (or `ValidateUser`) and is a cookie; when it is
lost, an answer says so with status 200. Bills are listed by `ExecuteBillQuery`, by their ids, so
that nothing shifts between pages, and each is read whole by `View`.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

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

_SERVICES: Final = "Kingdee.BOS.WebApi.ServicesStub"
_FORM: Final = "SAL_SaleOrder"
_KEYS: Final = ("FID", "FBillNo", "FModifyDate")
_LOST: Final = ("会话信息已丢失", "会话超时", "重新登录", "session")
_BUSY: Final = ("请求过于频繁", "限流", "too many requests")
_SIGNED_IN: Final = 1
PAGE: Final = 500


class KingdeeAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Where and as whom to sign in.

    Attributes:
        url: of the site, with its folder (`https://erp.example.com/k3cloud`).
        account: the data centre's id (acctID).
        user: the integration's user.
        app_id: of the third-party sign-in; None: `secret` is the user's password.
        secret: the app's.
        language: LCID of names.
        audited_only: pass over bills that were never audited (or cancelled).
    """

    url: str
    account: str
    user: str
    secret: str
    app_id: str | None = None
    language: int = 2052
    audited_only: bool = True

    def __repr__(self) -> str:
        """Without the secret."""
        return f"KingdeeAccount(url={self.url!r}, account={self.account!r}, user={self.user!r})"


class KingdeeClient:
    """Sales orders of one account."""

    def __init__(
        self, http: httpx.AsyncClient, account: KingdeeAccount, *, page: int = PAGE, **how: Any
    ) -> None:
        """Asks by `http`, which keeps the session's cookie; `how` as in `Caller`."""
        self._account = account
        self._page = page
        self._caller = Caller(http, self._sign_in, **how)

    async def changed(self, since: datetime) -> AsyncIterator[Changed]:
        """Bills modified at or after a moment, by their ids."""
        last = 0
        while True:
            rows = await self._caller.call(lambda after=last: self._query(since, after))  # type: ignore[misc]  # the default binds the loop's value
            for row in rows:
                changed = _changed(row)
                last = max(last, int(changed.id))
                yield changed
            if len(rows) < self._page:
                return

    async def order(self, changed: Changed) -> bytes | None:
        """A bill as `View` tells it; None: it was deleted since."""
        told = await self._caller.call(lambda: self._view(changed))
        if told is None or told["Result"].get("Result") is None:
            return None
        return msgspec.json.encode(told)

    async def _sign_in(self) -> None:
        ours = self._account
        if ours.app_id is None:
            service = "AuthService.ValidateUser"
            parameters: list[Any] = [ours.account, ours.user, ours.secret, ours.language]
        else:
            service = "AuthService.LoginByAppSecret"
            parameters = [ours.account, ours.user, ours.app_id, ours.secret, ours.language]
        told = await self._post(service, parameters)
        if not isinstance(told, dict) or told.get("LoginResultType") != _SIGNED_IN:
            reason = told.get("Message") if isinstance(told, dict) else told
            raise RefusedError(
                f"Kingdee does not sign {ours.user!r} in at account {ours.account!r}: "
                f"{reason or 'no reason told'}; check account, user, app id and secret"
            )

    async def _query(self, since: datetime, after: int) -> list[Any]:
        conditions = [
            f"FModifyDate >= '{since.isoformat(sep=' ', timespec='seconds')}'", f"FID > {after}"
        ]  # fmt: skip
        if self._account.audited_only:
            conditions.append("(FDocumentStatus = 'C' OR FCancelStatus = 'B')")
        asked = {
            "FormId": _FORM,
            "FieldKeys": ",".join(_KEYS),
            "FilterString": " AND ".join(conditions),
            "OrderString": "FID ASC",
            "TopRowCount": 0,
            "StartRow": 0,
            "Limit": self._page,
        }
        told = await self._post("DynamicFormService.ExecuteBillQuery", [asked])
        _require_success(told)
        if not isinstance(told, list):
            raise RefusedError(f"Kingdee answers ExecuteBillQuery with {str(told)[:200]!r}")
        return told

    async def _view(self, changed: Changed) -> Any:
        asked = {"CreateOrgId": 0, "Number": "", "Id": changed.id, "IsSortBySeq": "false"}
        told = await self._post("DynamicFormService.View", [_FORM, asked])
        _require_success(told)
        if not isinstance(told, dict) or not isinstance(told.get("Result"), dict):
            raise RefusedError(f"Kingdee answers View with {str(told)[:200]!r}")
        return told

    async def _post(self, service: str, parameters: list[Any]) -> Any:
        return await self._caller.json(
            "POST",
            f"{self._account.url.rstrip('/')}/{_SERVICES}.{service}.common.kdsvc",
            json={
                "format": 1,
                "useragent": "ApiClient",
                "rid": uuid.uuid4().hex,
                "parameters": parameters,
                "v": "1.0",
            },
        )


def _changed(row: Any) -> Changed:
    if not isinstance(row, list) or len(row) != len(_KEYS) or not str(row[0]).isdigit():
        raise RefusedError(f"expected a row of {', '.join(_KEYS)}, but Kingdee answers {row!r}")
    try:
        at = datetime.fromisoformat(str(row[2]))
    except ValueError:
        problem = f"bill {row[1]!r}: FModifyDate is no time: {row[2]!r}"
        raise RefusedError(problem) from None
    return Changed(id=str(row[0]), number=str(row[1]), at=at.replace(tzinfo=None))


def _require_success(told: Any) -> None:
    """Kingdee answers failures with status 200, in rows of a query as `[[{"Result": …}]]`."""
    while isinstance(told, list) and len(told) == 1:
        told = told[0]
    result = told.get("Result") if isinstance(told, dict) else None
    status = result.get("ResponseStatus") if isinstance(result, dict) else None
    if not isinstance(status, dict) or status.get("IsSuccess") is not False:
        return
    errors = status.get("Errors") or []
    reason = "; ".join(str(one.get("Message")) for one in errors if isinstance(one, dict))
    plain = reason.casefold()
    if status.get("MsgCode") == 1 or any(word in plain for word in _LOST):
        raise SessionLostError(reason)
    if any(word in plain for word in _BUSY):
        raise SlowDownError(reason)
    if any(word in plain for word in ("不存在", "not exist")) and "单据" in reason:
        return
    if "timeout" in plain or "超时" in plain:
        raise UnreachableError(reason)
    raise RefusedError(f"Kingdee refuses: {reason or 'no reason told'}")
