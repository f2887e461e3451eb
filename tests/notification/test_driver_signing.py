"""Signatures against the providers' own published examples, and keys against the RFCs'."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from domain.notification.numbers import e164, is_mainland
from domain.notification.signing import acs3, canonical_query, dingtalk_sign, feishu_sign, tc3
from runtime import web_push
from runtime.web_push import BadKeyError, decoded, encoded

# RFC 8291, section 5 and appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
BROWSERS_PUBLIC = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
BROWSERS_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
SERVERS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6"
    "TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulc"
    "y4a-fN"
)


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decoded(text), "big"), ec.SECP256R1())


def test_alibaba_cloud_s_example() -> None:
    parameters = {
        "RegionId": "cn-shanghai",
        "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
    }
    headers = acs3(
        host="ecs.cn-shanghai.aliyuncs.com",
        action="RunInstances",
        version="2014-05-26",
        parameters=parameters,
        key_id="YourAccessKeyId",
        key_secret="YourAccessKeySecret",
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )
    assert headers["authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_tencent_cloud_s_example() -> None:
    content = (
        rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    )
    headers = tc3(
        host="cvm.tencentcloudapi.com",
        service="cvm",
        action="DescribeInstances",
        version="2017-03-12",
        content=content,
        secret_id="AKID" + "*" * 32,
        secret_key="*" * 32,
        at=datetime.fromtimestamp(1551113065, UTC),
        region="ap-guangzhou",
    )
    assert headers["authorization"].endswith(
        "SignedHeaders=content-type;host;x-tc-action,"
        " Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )
    assert headers["x-tc-timestamp"] == "1551113065"


def test_what_is_not_a_letter_is_encoded_in_queries() -> None:
    assert canonical_query({"b": "机床 m01*~", "A": "x/y&z"}) == (
        "A=x%2Fy%26z&b=%E6%9C%BA%E5%BA%8A%20m01%2A~"
    )


def test_robots_sign_as_their_chats_say() -> None:
    """Each written from its text: DingTalk keys with the secret, Feishu with the whole line."""
    line = "1599360473000\nthis is secret"
    wanted = hmac.digest(b"this is secret", line.encode(), hashlib.sha256)
    assert dingtalk_sign("this is secret", 1599360473000) == base64.b64encode(wanted).decode()
    wanted = hmac.digest(b"1599360473\ndemo", b"", hashlib.sha256)
    assert feishu_sign("demo", 1599360473) == base64.b64encode(wanted).decode()


def test_RFC_8291_s_example() -> None:  # noqa: N802
    message = web_push.encrypt(
        PLAIN,
        BROWSERS_PUBLIC,
        SECRET,
        private=private_key(SERVERS_PRIVATE),
        salt=decoded(SALT),
    )
    assert encoded(message) == MESSAGE
    read = web_push.decrypt(message, private_key(BROWSERS_PRIVATE), decoded(SECRET))
    assert read == PLAIN


def test_each_message_has_keys_of_its_own() -> None:
    first, second = (web_push.encrypt(PLAIN, BROWSERS_PUBLIC, SECRET) for _ in range(2))
    assert first[:86] != second[:86]
    browser = private_key(BROWSERS_PRIVATE)
    assert web_push.decrypt(second, browser, decoded(SECRET)) == PLAIN
    with pytest.raises(InvalidTag):
        web_push.decrypt(first, browser, b"0" * 16)
    longest = web_push.encrypt(b"x" * web_push.MOST_BYTES, BROWSERS_PUBLIC, SECRET)
    assert len(longest) == 4096
    with pytest.raises(ValueError, match="3994 bytes"):
        web_push.encrypt(b"x" * 3994, BROWSERS_PUBLIC, SECRET)


def test_RFC_8292_a_token_names_the_push_service_and_who_sends() -> None:  # noqa: N802
    private, public = web_push.new_keys()
    header = web_push.vapid(
        "https://push.example:8443/p/abc?x=1",
        private_key=private,
        public_key=public,
        now_s=1_800_000_000,
        contact="mailto:it@plant.example",
    )
    scheme, token, key = header.replace(",", "").split(" ")
    assert (scheme, key) == ("vapid", f"k={public}")
    head, claims, signature = token.removeprefix("t=").split(".")
    assert json.loads(decoded(head)) == {"typ": "JWT", "alg": "ES256"}
    assert json.loads(decoded(claims)) == {
        "aud": "https://push.example:8443",
        "exp": 1_800_000_000 + 12 * 3600,
        "sub": "mailto:it@plant.example",
    }
    raw = decoded(signature)
    assert len(raw) == 64
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(public))
    point.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))


@pytest.mark.parametrize(
    ("key", "secret", "problem"),
    [
        ("AAAA", SECRET, "65 bytes, not 3"),
        (encoded(b"\x04" + b"\x01" * 64), SECRET, "no point"),
        (BROWSERS_PUBLIC, "AAAA", "16 bytes"),
        ("%%%", SECRET, "base64url"),
    ],
)
def test_what_no_browser_says_is_refused(key: str, secret: str, problem: str) -> None:
    with pytest.raises(BadKeyError, match=problem):
        web_push.check_subscription(key, secret)


@pytest.mark.parametrize(
    ("told", "number"),
    [
        ("+86 138 0013 8000", "+8613800138000"),
        ("0049 (30) 1234-567", "+49301234567"),
        ("+4915112345678", "+4915112345678"),
        ("13800138000", None),
        ("+0123456789", None),
        ("+12345", None),
        ("+1234567890123456", None),
        ("+49abc1234567", None),
    ],
)
def test_numbers_name_their_country(told: str, number: str | None) -> None:
    assert e164(told) == number


def test_mainland_numbers_are_known() -> None:
    assert is_mainland("+8613800138000")
    assert not is_mainland("+85261234567")
    assert not is_mainland("+86108888888")
