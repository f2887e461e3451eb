"""Servers that behave like Kingdee's WebAPI and YonBIP's OpenAPI, as far as polling goes."""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

SAMPLES = Path(__file__).resolve().parents[1] / "docs" / "howto" / "samples"
SERVICES = "/k3cloud/Kingdee.BOS.WebApi.ServicesStub"


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """The address of a running server."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Kingdee:
    """An account with bills. Failures stand in `failures`, one for each of the next calls."""

    def __init__(self) -> None:
        self.bills: dict[int, dict[str, Any]] = {}
        self.sessions: set[str] = set()
        self.sign_ins: list[list[Any]] = []
        self.queries: list[dict[str, Any]] = []
        self.failures: list[Any] = []
        self.secret = "app-secret"
        self.app = web.Application()
        self.app.router.add_post(
            f"{SERVICES}.AuthService.LoginByAppSecret.common.kdsvc", self._login
        )
        self.app.router.add_post(f"{SERVICES}.AuthService.ValidateUser.common.kdsvc", self._login)
        form = f"{SERVICES}.DynamicFormService"
        self.app.router.add_post(f"{form}.ExecuteBillQuery.common.kdsvc", self._query)
        self.app.router.add_post(f"{form}.View.common.kdsvc", self._view)

    def put(self, identity: int, modified: str, **fields: Any) -> dict[str, Any]:
        """Make a bill like the sample, or change one."""
        told = json.loads((SAMPLES / "kingdee-order.json").read_bytes())["Result"]["Result"]
        bill = self.bills.setdefault(identity, told | {"Id": identity, "BillNo": f"XS-{identity}"})
        bill |= {"ModifyDate": modified, **fields}
        return bill

    async def _login(self, request: web.Request) -> web.Response:
        told = await request.json()
        self.sign_ins.append(told["parameters"])
        if self.secret not in told["parameters"]:
            return web.json_response({"LoginResultType": 0, "Message": "应用密钥不正确"})
        session = f"session-{len(self.sign_ins)}"
        self.sessions.add(session)
        answer = web.json_response({"LoginResultType": 1, "KDSVCSessionId": session})
        answer.set_cookie("kdservice-sessionid", session)
        return answer

    async def _failure(self, request: web.Request) -> web.Response | None:
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, float):
                await asyncio.sleep(failure)
            else:
                made: web.Response = failure
                return made
        if request.cookies.get("kdservice-sessionid") in self.sessions:
            return None
        status = {
            "ErrorCode": 500, "IsSuccess": False, "MsgCode": 1,
            "Errors": [{"FieldName": None, "Message": "会话信息已丢失，请重新登录", "DIndex": 0}],
        }  # fmt: skip
        failed = {"Result": {"ResponseStatus": status}}
        is_query = "ExecuteBillQuery" in request.path
        return web.json_response([[failed]] if is_query else failed)

    async def _query(self, request: web.Request) -> web.Response:
        if (failed := await self._failure(request)) is not None:
            return failed
        (asked,) = (await request.json())["parameters"]
        self.queries.append(asked)
        match = re.fullmatch(
            r"FModifyDate >= '(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)' AND FID > (\d+)"
            r" AND \(FDocumentStatus = 'C' OR FCancelStatus = 'B'\)",
            asked["FilterString"],
        )
        assert match is not None, asked["FilterString"]
        since, after = match[1].replace(" ", "T"), int(match[2])
        rows = [
            [identity, bill["BillNo"], bill["ModifyDate"]]
            for identity, bill in sorted(self.bills.items())
            if bill["ModifyDate"] >= since
            and identity > after
            and (bill["DocumentStatus"] == "C" or bill["CancelStatus"] == "B")
        ]
        return web.json_response(rows[: asked["Limit"]])

    async def _view(self, request: web.Request) -> web.Response:
        if (failed := await self._failure(request)) is not None:
            return failed
        form, asked = (await request.json())["parameters"]
        assert form == "SAL_SaleOrder"
        bill = copy.deepcopy(self.bills.get(int(asked["Id"])))
        if bill is None:
            errors = [{"Message": "传递的单据内码对应的单据不存在"}]
            status = {"IsSuccess": False, "MsgCode": 4, "Errors": errors}
            return web.json_response({"Result": {"ResponseStatus": status}})
        return web.json_response({"Result": {"ResponseStatus": None, "Result": bill}})


class Yonyou:
    """A tenant with orders, whose gateway and token server lie at addresses of their own."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        self.tokens: set[str] = set()
        self.looked_up = 0
        self.sign_ins: list[str] = []
        self.calls = 0
        self.failures: list[Any] = []
        self.vanishing: list[int] = []
        self.now_ms = 1_795_000_000_000
        self.secret = "app-secret"
        self.app = web.Application()
        self.app.router.add_get("/open-auth/dataCenter/getGatewayAddress", self._gateway)
        self.app.router.add_get("/auth/open-auth/selfAppAuth/getAccessToken", self._token)
        self.app.router.add_post("/gateway/yonbip/sd/voucherorder/list", self._list)
        self.app.router.add_get("/gateway/yonbip/sd/voucherorder/detail", self._detail)

    def put(self, identity: int, pubts: str, **fields: Any) -> dict[str, Any]:
        """Make an order like the sample, or change one."""
        told = json.loads((SAMPLES / "yonyou-order.json").read_bytes())["data"]
        order = self.orders.setdefault(identity, told | {"id": identity, "code": f"UO-{identity}"})
        order |= {"pubts": pubts, **fields}
        return order

    async def _gateway(self, request: web.Request) -> web.Response:
        self.looked_up += 1
        if request.query["tenantId"] != "tenant/7":
            return web.json_response({"code": "500", "message": "根据租户id获取网关地址出现异常"})
        base = f"http://{request.host}"
        data = {"gatewayUrl": f"{base}/gateway", "tokenUrl": f"{base}/auth"}
        return web.json_response({"code": "00000", "message": "成功！", "data": data})

    async def _token(self, request: web.Request) -> web.Response:
        # Byte by byte as it came over the wire: the signature is escaped once, and completely.
        query = request.raw_path.partition("?")[2]
        self.sign_ins.append(query)
        match = re.fullmatch(r"appKey=([^&]*)&timestamp=(\d{13})&signature=([A-Za-z0-9%]+)", query)
        if match is None or abs(int(match[2]) - self.now_ms) > 600_000:
            return web.json_response({"code": "10008", "message": "参数错误"})
        text = f"appKey{unquote(match[1])}timestamp{match[2]}".encode()
        made = hmac.new(self.secret.encode(), text, hashlib.sha256).digest()
        if unquote(match[3]).encode() != base64.b64encode(made):
            return web.json_response({"code": "10010", "message": "签名错误"})
        token = f"token+{len(self.sign_ins)}/="
        self.tokens.add(token)
        data = {"access_token": token, "expire": 7200}
        return web.json_response({"code": "00000", "message": "成功！", "data": data})

    async def _failure(self, request: web.Request) -> web.Response | None:
        self.calls += 1
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, float):
                await asyncio.sleep(failure)
            else:
                made: web.Response = failure
                return made
        if request.query.get("access_token") in self.tokens:
            return None
        return web.json_response({"code": "310036", "message": "非法token"})

    async def _list(self, request: web.Request) -> web.Response:
        if (failed := await self._failure(request)) is not None:
            return failed
        asked = await request.json()
        assert asked["isSum"] is True
        assert asked["queryOrders"] == [{"field": "id", "order": "asc"}]
        (condition,) = asked["simpleVOs"]
        assert (condition["field"], condition["op"]) == ("pubts", "gt")
        found = [
            {key: order[key] for key in ("id", "code", "pubts")}
            for _, order in sorted(self.orders.items())
            if order["pubts"] > condition["value1"]
        ]
        first = (asked["pageIndex"] - 1) * asked["pageSize"]
        data = {"recordCount": len(found), "recordList": found[first : first + asked["pageSize"]]}
        if self.vanishing:
            del self.orders[self.vanishing.pop(0)]
        return web.json_response({"code": "200", "message": "操作成功", "data": data})

    async def _detail(self, request: web.Request) -> web.Response:
        if (failed := await self._failure(request)) is not None:
            return failed
        order = self.orders.get(int(request.query["id"]))
        if order is None:
            return web.json_response({"code": "1002", "message": "数据不存在"})
        return web.json_response({"code": "200", "message": "操作成功", "data": order})
