"""Signing in with an OpenID provider: a real one, and one that lies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import openid_server
import openid_standin
import pytest
from api_client import ORIGIN, PASSWORD, SITE, Api
from openid_server import OpenIdServer
from openid_standin import Key, StandIn
from pydantic import SecretStr

from api.auth.oidc.provider import OidcSettingsError, OpenIdProvider
from domain.access import Role
from runtime.clock import SystemClock
from runtime.settings import ApiSettings
from store import access

CALLBACK = f"{ORIGIN}/v1/session/oidc/callback"


async def led_to(client: httpx.AsyncClient, next_: str = "/orders?late=true") -> str:
    """Where the sign-in page's button leads."""
    answer = await client.get("/v1/session/oidc/start", params={"next": next_})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def refused(answer: httpx.Response, why: str) -> None:
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?problem=oidc-{why}"
    assert "gemba_session" not in answer.cookies


# A real provider ---------------------------------------------------------------------------------


def signed_in_there(provider: OpenIdServer, address: str) -> str:
    """Where the provider sends the browser back to when the person has signed in at its pages."""
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(address)
        assert "login.html" in page.headers["location"]
        provider.sign_in(browser)
        # What its page adds when the person goes on.
        return browser.get(f"{address}&g_continue").headers["location"]


class TestRealProvider:
    @pytest.fixture
    def provider(self, tmp_path: Path) -> Iterator[OpenIdServer]:
        if (lacking := openid_server.missing()) is not None:
            if os.environ.get("GEMBA_TEST_FORBID_SKIP") == "1":
                pytest.fail(f"{lacking}, and GEMBA_TEST_FORBID_SKIP=1 forbids skipping")
            pytest.skip(lacking)
        with openid_server.openid_server(tmp_path) as server:
            server.set_up(CALLBACK)
            yield server

    @pytest.fixture
    def settings(self, settings: ApiSettings, provider: OpenIdServer) -> ApiSettings:
        return settings.model_copy(
            update={
                "oidc_issuer": provider.issuer,
                "oidc_client_id": openid_server.CLIENT,
                "oidc_client_secret": SecretStr(openid_server.SECRET),
                "oidc_scopes": "openid",
                "oidc_users": "create",
                "oidc_role_claim": "email",
                "oidc_roles": {openid_server.EMAIL: "supervisor"},
            }
        )

    async def test_somebody_signs_in_works_and_signs_out(
        self, api: Api, provider: OpenIdServer
    ) -> None:
        client = api.client()
        address = await led_to(client)
        assert address.startswith(f"{provider.issuer}/auth?")
        back = signed_in_there(provider, address)
        assert back.startswith(CALLBACK)
        answer = await client.get(back)
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == "/orders?late=true"
        user = (await client.get("/v1/session")).json()["user"]
        assert (user["display_name"], user["role"]) == ("Anna Ant", "supervisor")
        assert (await client.get("/v1/sites")).status_code == 200
        refused(await client.get(back), "state")  # the same answer again
        out = await client.post("/v1/session/oidc/logout", headers={"Origin": ORIGIN})
        assert out.json()["url"].startswith(f"{provider.issuer}/end_session?client_id=gemba&")
        assert (await client.get("/v1/session")).status_code == 401
        # The second time it is the same account.
        again = await led_to(client)
        back = signed_in_there(provider, again)
        assert (await client.get(back)).headers["location"] == "/orders?late=true"
        assert await api.rows("SELECT count(*) FROM users WHERE issuer IS NOT NULL") == [(1,)]
        actions = await api.rows("SELECT action FROM audit_log ORDER BY id")
        assert [row[0] for row in actions] == [
            "UserCreated",
            "SignedIn",
            "SignedOut",
            "SignedIn",
        ]


# One that lies -----------------------------------------------------------------------------------


@pytest.fixture
def lying() -> Iterator[StandIn]:
    with openid_standin.stand_in() as provider:
        yield provider


def none(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", algorithm="none")


class TestStandIn:
    @pytest.fixture
    def settings(self, settings: ApiSettings, lying: StandIn) -> ApiSettings:
        return settings.model_copy(
            update={
                "oidc_issuer": lying.issuer,
                "oidc_client_id": openid_standin.CLIENT,
                "oidc_client_secret": SecretStr(openid_standin.SECRET),
                "oidc_users": "create",
                "oidc_roles": {"floor": "operator", "sold-to": "customer", "it": "admin"},
                "oidc_customer_claim": "org.customer",
            }
        )

    async def back(self, client: httpx.AsyncClient, lying: StandIn) -> httpx.Response:
        return await client.get(lying.answer(await led_to(client)))

    async def test_an_honest_answer_signs_in(self, api: Api, lying: StandIn) -> None:
        client = api.client()
        answer = await self.back(client, lying)
        assert answer.headers["location"] == "/orders?late=true", answer.headers
        user = (await client.get("/v1/session")).json()["user"]
        assert (user["name"], user["role"]) == ("p@x.example", "operator")
        methods = (await client.get("/v1/session/methods")).json()
        assert methods["oidc"] == {"name": "OpenID", "start": "/v1/session/oidc/start"}

    FORGERIES: ClassVar[dict[str, Callable[[StandIn], Callable[[dict[str, Any]], str]]]] = {
        "another nonce": lambda p: lambda c: p.sign({**c, "nonce": "x"}),
        "no nonce": lambda p: lambda c: p.sign({k: v for k, v in c.items() if k != "nonce"}),
        "another audience": lambda p: lambda c: p.sign({**c, "aud": "other"}),
        "several audiences without azp": lambda p: (
            lambda c: p.sign({**c, "aud": ["gemba", "other"]})
        ),
        "another party": lambda p: lambda c: p.sign({**c, "azp": "other"}),
        "another issuer": lambda p: lambda c: p.sign({**c, "iss": "http://127.0.0.1:1"}),
        "expired": lambda p: lambda c: p.sign({**c, "exp": int(time.time()) - 120}),
        "made long ago": lambda p: lambda c: p.sign({**c, "iat": int(time.time()) - 7200}),
        "made tomorrow": lambda p: lambda c: p.sign({**c, "iat": int(time.time()) + 86_400}),
        "without an end": lambda p: lambda c: p.sign({k: v for k, v in c.items() if k != "exp"}),
        "of nobody": lambda p: lambda c: p.sign({**c, "sub": ""}),
        "not signed": lambda _: none,
        "signed with the public key": lambda p: lambda c: _hs256(c, p.key.public_pem, p.key.kid),
        "signed with the client's secret": lambda p: (
            lambda c: _hs256(c, openid_standin.SECRET.encode(), p.key.kid)
        ),
        "signed with another key of that name": lambda p: lambda c: p.sign(c, Key("one")),
        "signed with a key of nobody": lambda p: lambda c: p.sign(c, Key("two")),
        "no token": lambda _: lambda _c: "no.token.atall",
    }

    @pytest.mark.parametrize("forgery", FORGERIES)
    async def test_a_forged_token_opens_nothing(
        self, api: Api, lying: StandIn, forgery: str
    ) -> None:
        lying.forge = self.FORGERIES[forgery](lying)
        client = api.client()
        refused(await self.back(client, lying), "token")
        assert await api.rows("SELECT count(*) FROM users") == [(0,)]
        assert (await client.get("/v1/session")).status_code == 401

    async def test_the_answer_belongs_to_one_browser_once(self, api: Api, lying: StandIn) -> None:
        victim, attacker = api.client(), api.client()
        back = lying.answer(await led_to(attacker))
        refused(await victim.get(back), "state")
        refused(await attacker.get(back), "state")  # used up by the attempt
        refused(await victim.get(f"{CALLBACK}?code=x&state=guessed"), "state")

    async def test_a_code_is_good_once(self, api: Api, lying: StandIn) -> None:
        client = api.client()
        first = lying.answer(await led_to(client))
        code = parse_qs(urlsplit(first).query)["code"][0]
        assert (await client.get(first)).headers["location"] == "/orders?late=true"
        again = parse_qs(urlsplit(await led_to(client)).query)["state"][0]
        answer = await client.get(f"{CALLBACK}?code={code}&state={again}&iss={lying.issuer}")
        assert answer.headers["location"] == "/login?problem=oidc-unavailable"

    @pytest.mark.parametrize("iss", ["&iss=https://other.example", ""])
    async def test_an_answer_of_another_issuer_is_refused(
        self, api: Api, lying: StandIn, iss: str
    ) -> None:
        client = api.client()
        back = lying.answer(await led_to(client))
        refused(await client.get(back.partition("&iss=")[0] + iss), "token")

    async def test_a_refusal_is_told(self, api: Api, lying: StandIn) -> None:
        client = api.client()
        back = lying.answer(await led_to(client))
        refused(await client.get(f"{back}&error=access_denied"), "denied")

    @pytest.mark.parametrize(
        "elsewhere",
        [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "/a\r\nLocation: https://evil.example",
            "/\t/evil.example",
            "",
        ],
    )
    async def test_nobody_is_led_elsewhere(self, api: Api, lying: StandIn, elsewhere: str) -> None:
        client = api.client()
        answer = await client.get(lying.answer(await led_to(client, elsewhere)))
        assert answer.headers["location"] == "/"

    async def test_keys_rotate_and_are_not_fetched_for_every_token(
        self, api: Api, lying: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.back(api.client(), lying)
        await self.back(api.client(), lying)
        assert lying.fetched == 1
        old, lying.key = lying.key, Key("new")
        lying.published = [old, lying.key]
        refused(await self.back(api.client(), lying), "token")  # fetched a moment ago
        later = time.monotonic() + 31
        monkeypatch.setattr(api.context.clock, "monotonic", lambda: later, raising=False)
        answer = await self.back(api.client(), lying)
        assert answer.headers["location"] == "/orders?late=true"
        assert lying.fetched == 2

    async def test_a_provider_that_names_another_issuer_is_not_used(
        self, api: Api, lying: StandIn
    ) -> None:
        for metadata in (
            {"issuer": "https://other.example"},
            {"token_endpoint": "http://evil.example/token"},
        ):
            lying.metadata = metadata
            answer = await api.client().get("/v1/session/oidc/start")
            assert answer.headers["location"] == "/login?problem=oidc-unavailable"

    async def test_rights_follow_the_claims_at_every_sign_in(
        self, api: Api, lying: StandIn
    ) -> None:
        first = api.client()
        await self.back(first, lying)
        lying.claims["groups"] = ["it"]
        await self.back(api.client(), lying)
        assert await api.rows("SELECT role FROM users") == [("admin",)]
        # Whoever may do something else is signed out everywhere else.
        assert (await first.get("/v1/session")).status_code == 401
        lying.claims["groups"] = ["something"]
        refused(await self.back(api.client(), lying), "no-role")

    async def test_a_customer_is_bound_to_their_own_orders(self, api: Api, lying: StandIn) -> None:
        lying.claims["groups"] = ["sold-to"]
        refused(await self.back(api.client(), lying), "no-customer")
        await api.rows("INSERT INTO customers (code, name) VALUES ('acme', 'Acme')")
        lying.claims["org"] = {"customer": "acme"}
        client = api.client()
        await self.back(client, lying)
        user = (await client.get("/v1/session")).json()["user"]
        assert (user["role"], user["customer"]) == ("customer", "acme")
        assert (await client.get("/v1/own/orders")).status_code == 200
        assert (await client.get("/v1/orders")).status_code == 403

    async def test_who_is_disabled_stays_out(self, api: Api, lying: StandIn) -> None:
        await self.back(api.client(), lying)
        await api.rows("UPDATE users SET disabled_at = now()")
        refused(await self.back(api.client(), lying), "disabled")

    async def test_an_account_with_a_password_is_never_taken_over(
        self, api: Api, lying: StandIn
    ) -> None:
        await api.user("chief", Role.ADMIN)
        await api.rows("UPDATE users SET email = 'p@x.example'")
        lying.claims["email_verified"] = True
        refused(await self.back(api.client(), lying), "unknown")
        assert await api.rows("SELECT name, subject FROM users") == [("chief", None)]


class TestKnownPeopleOnly:
    @pytest.fixture
    def settings(self, settings: ApiSettings, lying: StandIn) -> ApiSettings:
        return settings.model_copy(
            update={
                "oidc_issuer": lying.issuer,
                "oidc_client_id": openid_standin.CLIENT,
                "oidc_client_secret": SecretStr(openid_standin.SECRET),
                "password_sign_in": False,
            }
        )

    async def test_an_account_waits_for_whoever_has_its_verified_address(
        self, api: Api, lying: StandIn
    ) -> None:
        async with api.context.connection() as connection:
            await access.create_user(
                connection, name="pia", password=None, role=Role.QUALITY, email="P@X.example"
            )
        client = api.client()
        refused(await client.get(lying.answer(await led_to(client))), "unknown")
        lying.claims["email_verified"] = True
        answer = await client.get(lying.answer(await led_to(client)))
        assert answer.headers["location"] == "/orders?late=true"
        user = (await client.get("/v1/session")).json()["user"]
        assert (user["name"], user["role"]) == ("pia", "quality")
        # From now on they are known by their subject, whatever their address.
        lying.claims |= {"email": "new@x.example", "email_verified": False}
        other = api.client()
        assert (await other.get(lying.answer(await led_to(other)))).headers["location"] == (
            "/orders?late=true"
        )

    async def test_passwords_can_be_switched_off(self, api: Api) -> None:
        await api.user("mei", Role.ADMIN, SITE)
        client = api.client()
        assert (await client.get("/v1/session/methods")).json()["password"] is False
        answer = await client.post("/v1/session", json={"name": "mei", "password": PASSWORD})
        assert answer.status_code == 403


class TestSettings:
    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"oidc_issuer": "http://login.example"}, "https"),
            ({"oidc_client_id": ""}, "GEMBA_OIDC_CLIENT_ID"),
            ({"oidc_algorithms": ("RS256", "HS256")}, "HS256"),
            ({"oidc_algorithms": ("none",)}, "none"),
            ({"oidc_roles": {"a": "emperor"}}, "emperor"),
            ({"oidc_users": "create"}, "GEMBA_OIDC_ROLES"),
            ({"oidc_issuer": "", "password_sign_in": False}, "nobody could sign in"),
        ],
    )
    def test_what_does_not_go_together_is_said_at_the_start(
        self, wrong: dict[str, Any], words: str
    ) -> None:
        right = ApiSettings(oidc_issuer="https://login.example", oidc_client_id="gemba")
        assert OpenIdProvider.of(right, SystemClock()) is not None
        with pytest.raises(OidcSettingsError, match=words):
            OpenIdProvider.of(right.model_copy(update=wrong), SystemClock())


def _hs256(claims: dict[str, Any], secret: bytes, kid: str) -> str:
    """Signed by hand: the library refuses to be that careless."""

    def encoded(content: bytes) -> bytes:
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    signed = b".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return (signed + b"." + encoded(hmac.digest(secret, signed, hashlib.sha256))).decode()
