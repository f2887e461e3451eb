"""How requests to providers are signed. Pure: the time and what is random are given.

Sources: Alibaba Cloud "Request syntax and signature method V3"
(alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature), Tencent Cloud
"Signature v3" (cloud.tencent.com/document/product/382/52072), DingTalk "Custom robot security
settings" (open.dingtalk.com), Feishu "Custom bot usage guide" (open.feishu.cn). The first two
publish a request with its signature; the tests compare.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

JSON_UTF8: Final = "application/json; charset=utf-8"
_ACS: Final = "ACS3-HMAC-SHA256"
_TC: Final = "TC3-HMAC-SHA256"


def percent_encoded(text: str) -> str:
    """As RFC 3986 has it: all but letters, digits and `-_.~`."""
    return quote(text, safe="-_.~")


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Parameters in the order of their names, encoded."""
    return "&".join(
        f"{percent_encoded(name)}={percent_encoded(parameters[name])}"
        for name in sorted(parameters)
    )


def acs3(
    *,
    host: str,
    action: str,
    version: str,
    parameters: Mapping[str, str],
    key_id: str,
    key_secret: str,
    at: datetime,
    nonce: str,
) -> dict[str, str]:
    """The headers of a POST to `/?<canonical_query(parameters)>` of Alibaba Cloud, without a body.

    Args:
        host: with its port where that is not the scheme's own.
        action: the operation, in the RPC style.
        version: of the product's API.
        parameters: of the query.
        key_id: of the access key.
        key_secret: the access key's.
        at: the moment; it may be 15 minutes off.
        nonce: never used before.
    """
    content = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": content,
        "x-acs-date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    signed = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join(("POST", "/", canonical_query(parameters), lines, signed, content))
    to_sign = f"{_ACS}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key_secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"{_ACS} Credential={key_id},SignedHeaders={signed},Signature={signature}"
    )
    return headers


def tc3(
    *,
    host: str,
    service: str,
    action: str,
    version: str,
    content: bytes,
    secret_id: str,
    secret_key: str,
    at: datetime,
    region: str | None = None,
) -> dict[str, str]:
    """The headers of a POST of JSON to `/` of Tencent Cloud; `at` may be 5 minutes off."""
    signed_headers = {
        "content-type": JSON_UTF8,
        "host": host,
        "x-tc-action": action.lower(),
    }
    signed = ";".join(signed_headers)
    lines = "".join(f"{name}:{value}\n" for name, value in signed_headers.items())
    request = "\n".join(("POST", "/", "", lines, signed, hashlib.sha256(content).hexdigest()))
    seconds = int(at.timestamp())
    day = at.astimezone(UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    to_sign = "\n".join((_TC, str(seconds), scope, hashlib.sha256(request.encode()).hexdigest()))
    key = b"TC3" + secret_key.encode()
    for part in (day, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers = {
        "authorization": (
            f"{_TC} Credential={secret_id}/{scope}, SignedHeaders={signed}, Signature={signature}"
        ),
        "content-type": JSON_UTF8,
        "host": host,
        "x-tc-action": action,
        "x-tc-timestamp": str(seconds),
        "x-tc-version": version,
    }
    if region is not None:
        headers["x-tc-region"] = region
    return headers


def dingtalk_sign(secret: str, at_ms: int) -> str:
    """A DingTalk robot's `sign` beside `timestamp` (milliseconds); not yet encoded for a URL."""
    digest = hmac.new(secret.encode(), f"{at_ms}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def feishu_sign(secret: str, at_s: int) -> str:
    """A Feishu bot's `sign` beside `timestamp` (seconds): the text is the key of nothing."""
    digest = hmac.new(f"{at_s}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
