"""A strict stand-in for an OpenID provider, which can be told to misbehave in one way at a time."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT: Final = "gemba"
SECRET: Final = "between us"


class Key:
    """A signing key with a name."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65_537, key_size=2048)

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def jwk(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key())
        )
        return {**found, "kid": self.kid, "use": "sig", "alg": "RS256"}


class StandIn:
    """The provider: who signs in is `claims`, and `forge` may put another token in its place.

    Attributes:
        claims: what it says of the person, beside the required claims.
        forge: makes another token of the claims; None: an honest one.
        published: the keys that are published.
        codes: what was asked for under each code; each is good once.
        fetched: how often the keys were fetched.
    """

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = Key("one")
        self.published = [self.key]
        self.claims: dict[str, Any] = {"sub": "p-1", "email": "p@x.example", "groups": ["floor"]}
        self.forge: Callable[[dict[str, Any]], str] | None = None
        self.metadata: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.fetched = 0

    def answer(self, address: str) -> str:
        """What its pages do when the person signs in: where the browser is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.issuer}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def honest(self, query: dict[str, str]) -> dict[str, Any]:
        """The claims of a right token."""
        now = int(time.time())
        return {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": query["nonce"],
            **self.claims,
        }

    def sign(self, claims: dict[str, Any], key: Key | None = None) -> str:
        """An honest signature."""
        by = key or self.key
        return jwt.encode(claims, by.private, algorithm="RS256", headers={"kid": by.kid})

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token endpoint."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or form.get("redirect_uri") != query["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != query["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        claims = self.honest(query)
        token = self.forge(claims) if self.forge else self.sign(claims)
        return 200, {"id_token": token, "token_type": "Bearer"}

    def described(self) -> dict[str, Any]:
        """Its metadata."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end",
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }


@contextlib.contextmanager
def stand_in() -> Iterator[StandIn]:
    """A stand-in on loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/jwks":
                provider.fetched += 1
                self._say(200, {"keys": [key.jwk for key in provider.published]})
            elif self.path == "/.well-known/openid-configuration":
                self._say(200, provider.described())
            else:
                self._say(404, {})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            form = parse_qs(self.rfile.read(length).decode())
            wanted = {name: values[0] for name, values in form.items()}
            self._say(*provider.exchange(wanted, self.headers.get("Authorization", "")))

        def log_message(self, *_arguments: object) -> None:
            pass

        def _say(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = StandIn(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
