"""Talking to the OpenID provider: discovery, keys, exchanging a code.

What it publishes is kept for a while. Keys rotate: a token signed with a key that is not known yet
has them fetched again, but not more often than every half minute, whoever sends what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
import jwt
import msgspec

from api.auth.oidc.id_token import (
    ASYMMETRIC,
    Claims,
    IdTokenError,
    judge,
    key_id,
    matching_key,
)
from domain.access import Role
from runtime.clock import Clock
from runtime.settings import ApiSettings

_KEPT_S: Final = 600.0
_REFETCH_S: Final = 30.0
_TIMEOUT_S: Final = 5.0
_MOST_BYTES: Final = 256 * 1024


class OidcSettingsError(ValueError):
    """Settings of the OpenID provider that do not go together."""


class ProviderError(Exception):
    """The provider does not answer, or not as it should; the message holds no secret."""


class Metadata(msgspec.Struct, frozen=True):
    """What the provider says of itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Keys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str | None = None


class OpenIdProvider:
    """The provider of the settings, from whom nothing has been fetched yet."""

    def __init__(self, settings: ApiSettings, clock: Clock) -> None:
        self.settings = settings
        self.issuer = settings.oidc_issuer
        self._clock = clock
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, list[dict[str, Any]]] | None = None
        self._fetching = asyncio.Lock()

    @classmethod
    def of(cls, settings: ApiSettings, clock: Clock) -> OpenIdProvider | None:
        """The provider, if the settings name one.

        Raises:
            OidcSettingsError: they do not go together.
        """
        if not settings.oidc_issuer:
            if not settings.password_sign_in:
                raise OidcSettingsError(
                    "GEMBA_PASSWORD_SIGN_IN=false, and GEMBA_OIDC_ISSUER names no provider: nobody"
                    " could sign in"
                )
            return None
        if not _is_safe(settings.oidc_issuer):
            raise OidcSettingsError(
                f"GEMBA_OIDC_ISSUER={settings.oidc_issuer}: has to be https (http on loopback only)"
            )
        if not settings.oidc_client_id:
            raise OidcSettingsError("GEMBA_OIDC_CLIENT_ID is not set, as GEMBA_OIDC_ISSUER needs")
        if wrong := sorted(set(settings.oidc_algorithms) - ASYMMETRIC):
            raise OidcSettingsError(
                f"GEMBA_OIDC_ALGORITHMS: {', '.join(wrong)}: only {', '.join(sorted(ASYMMETRIC))}"
            )
        if wrong := sorted(set(settings.oidc_roles.values()) - {role.value for role in Role}):
            raise OidcSettingsError(f"GEMBA_OIDC_ROLES: there is no role {', '.join(wrong)}")
        if settings.oidc_users == "create" and not settings.oidc_roles:
            raise OidcSettingsError(
                "GEMBA_OIDC_USERS=create needs GEMBA_OIDC_ROLES, to know what people are here for"
            )
        return cls(settings, clock)

    async def metadata(self) -> Metadata:
        """What the provider says of itself, at most ten minutes old.

        Raises:
            ProviderError: it does not answer, or names another issuer or an unsafe address.
        """
        async with self._fetching:
            if self._metadata is None or self._clock.monotonic() - self._metadata[0] > _KEPT_S:
                address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
                found = _decoded(await self._get(address), Metadata, address)
                if found.issuer != self.issuer:
                    raise ProviderError(f"{address} tells of another issuer, {found.issuer[:200]}")
                for url in (
                    found.authorization_endpoint,
                    found.token_endpoint,
                    found.jwks_uri,
                    *filter(None, (found.userinfo_endpoint, found.end_session_endpoint)),
                ):
                    if not _is_safe(url):
                        raise ProviderError(f"{address} names an unsafe address, {url[:200]}")
                self._metadata = (self._clock.monotonic(), found)
            return self._metadata[1]

    async def leads_to(self, *, state: str, nonce: str, challenge: str, redirect_uri: str) -> str:
        """The address where somebody signs in.

        Raises:
            ProviderError: the provider does not answer.
        """
        endpoint = (await self.metadata()).authorization_endpoint
        return _with(
            endpoint,
            {
                "response_type": "code",
                "client_id": self.settings.oidc_client_id,
                "redirect_uri": redirect_uri,
                "scope": self.settings.oidc_scopes,
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
        )

    async def signs_out_at(self, back: str) -> str | None:
        """The address where somebody signs out of the provider, too; None: it has none.

        Raises:
            ProviderError: the provider does not answer.
        """
        endpoint = (await self.metadata()).end_session_endpoint
        if endpoint is None:
            return None
        client = self.settings.oidc_client_id
        return _with(endpoint, {"client_id": client, "post_logout_redirect_uri": back})

    async def vouches_for(
        self, code: str, *, verifier: str, nonce: str, redirect_uri: str
    ) -> Claims:
        """Whom a code stands for.

        Raises:
            ProviderError: the provider does not answer, or refuses the code.
            IdTokenError: what it answers proves nothing.
        """
        metadata = await self.metadata()
        tokens = await self._exchange(metadata, code, verifier=verifier, redirect_uri=redirect_uri)
        algorithm, kid = key_id(tokens.id_token, self.settings.oidc_algorithms)
        claims = judge(
            tokens.id_token,
            await self._key(metadata, algorithm, kid),
            algorithm=algorithm,
            issuer=self.issuer,
            client_id=self.settings.oidc_client_id,
            nonce=nonce,
        )
        return await self._completed(metadata, claims, tokens.access_token)

    async def _exchange(
        self, metadata: Metadata, code: str, *, verifier: str, redirect_uri: str
    ) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        secret = self.settings.oidc_client_secret.get_secret_value()
        client_id = self.settings.oidc_client_id
        auth: httpx.BasicAuth | None = None
        if secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(client_id, secret)
        else:
            form["client_id"] = client_id
            if secret:
                form["client_secret"] = secret
        request = httpx.Request(
            "POST", metadata.token_endpoint, data=form, headers={"Accept": "application/json"}
        )
        content = await self._send(request, auth=auth)
        tokens: _Tokens = _decoded(content, _Tokens, metadata.token_endpoint)
        return tokens

    async def _completed(
        self, metadata: Metadata, claims: Claims, access_token: str | None
    ) -> Claims:
        """The claims with those that the provider tells at its userinfo endpoint only."""
        settings = self.settings
        wanted = [settings.oidc_sites_claim, settings.oidc_customer_claim, "email"]
        if settings.oidc_roles:
            wanted.append(settings.oidc_role_claim)
        lacking = [name for name in wanted if name and claim(claims, name) is None]
        if not lacking or metadata.userinfo_endpoint is None or access_token is None:
            return claims
        request = httpx.Request(
            "GET", metadata.userinfo_endpoint, headers={"Authorization": f"Bearer {access_token}"}
        )
        content = await self._send(request)
        told = _decoded(content, dict[str, Any], metadata.userinfo_endpoint)
        if told.get("sub") != claims["sub"]:
            raise IdTokenError("the provider tells of somebody else at its userinfo endpoint")
        return {**told, **claims}

    async def _key(self, metadata: Metadata, algorithm: str, kid: str | None) -> jwt.PyJWK:
        for oldest_s in (_KEPT_S, _REFETCH_S):
            keys = await self._known_keys(metadata, oldest_s)
            key = matching_key(keys, algorithm, kid)
            if key is not None:
                return key
        raise IdTokenError("it is signed with no key of the provider")

    async def _known_keys(self, metadata: Metadata, oldest_s: float) -> list[dict[str, Any]]:
        async with self._fetching:
            if self._keys is None or self._clock.monotonic() - self._keys[0] > oldest_s:
                content = await self._get(metadata.jwks_uri)
                found = _decoded(content, _Keys, metadata.jwks_uri)
                self._keys = (self._clock.monotonic(), found.keys)
            return self._keys[1]

    async def _get(self, url: str) -> bytes:
        return await self._send(httpx.Request("GET", url, headers={"Accept": "application/json"}))

    async def _send(self, request: httpx.Request, *, auth: httpx.BasicAuth | None = None) -> bytes:
        """An answer's body: without following anywhere, in time, and of a bounded size."""
        url = str(request.url)
        try:
            async with (
                asyncio.timeout(2 * _TIMEOUT_S),
                httpx.AsyncClient(
                    timeout=_TIMEOUT_S,
                    follow_redirects=False,
                    trust_env=not _is_loopback(url),
                ) as client,
            ):
                response = await client.send(request, auth=auth, stream=True)
                content = b""
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > _MOST_BYTES:
                        raise ProviderError(f"{url} answers more than anybody can mean")
                await response.aclose()
        except (httpx.HTTPError, TimeoutError, httpx.InvalidURL) as error:
            raise ProviderError(f"{url} does not answer: {type(error).__name__}") from error
        if response.status_code != httpx.codes.OK:
            raise ProviderError(f"{url} answers {response.status_code}{_reason(content)}")
        return content


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name; a dot leads inside (`realm_access.roles`). None: it is not there."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _reason(content: bytes) -> str:
    """The OAuth error's code, which holds nothing secret."""
    try:
        code = msgspec.json.decode(content, type=dict[str, Any]).get("error")
    except msgspec.DecodeError:
        return ""
    return f" ({code[:50]})" if isinstance(code, str) and code.isascii() else ""


def _decoded(content: bytes, kind: type[Any], url: str) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise ProviderError(f"{url} answers nothing that can be read: {error}") from error


def _with(endpoint: str, parameters: Mapping[str, str]) -> str:
    separator = "&" if urlsplit(endpoint).query else "?"
    return f"{endpoint}{separator}{urlencode(parameters)}"


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    if not parts.hostname or parts.fragment or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(url))


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
