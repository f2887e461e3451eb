"""A real OpenID provider for tests: Glewlwyd of Debian, on loopback, with a database of its own."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from launch.ports import free_port

TABLES: Final = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
PAGES: Final = Path("/usr/share/glewlwyd/webapp")
PAGES_CONFIGURATION: Final = Path("/usr/share/glewlwyd/templates/config.json")
CLIENT: Final = "gemba"
SECRET: Final = "a secret between the two of them"
PERSON: Final = "anna"
PASSWORD: Final = "anna's password there"
EMAIL: Final = "anna@plant.example"
_ADMIN: Final = {"username": "admin", "password": "password"}  # as its tables are delivered

_CONFIGURATION: Final = """
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_secure=0
cookie_same_site="empty"
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
allow_multiple_user_per_session=true
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
static_files_path="{pages}/"
static_files_mime_types = (
  {{ extension = ".html"; mime_type = "text/html"; }},
  {{ extension = ".css"; mime_type = "text/css"; }},
  {{ extension = ".js"; mime_type = "application/javascript"; }},
  {{ extension = ".json"; mime_type = "application/json"; }}
)
use_secure_connection=false
secure_connection_key_file="/none"
secure_connection_pem_file="/none"
secure_connection_ca_file="/none"
hash_algorithm = "SHA512"
database = {{ type = "sqlite3"; path = "{database}"; }};
"""


def missing() -> str | None:
    """What the machine lacks; None when it has it."""
    if shutil.which("glewlwyd") is None or not TABLES.exists():
        return "glewlwyd is not installed"
    return None


@dataclass(frozen=True)
class OpenIdServer:
    """A running provider with a client and a person."""

    port: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        """As the settings name it."""
        return f"{self.url}/api/oidc"

    def set_up(self, redirect_uri: str) -> None:
        """Make the plugin with a new key, the client and the person."""
        with httpx.Client(base_url=f"{self.url}/api", trust_env=False) as admin:
            _ok(admin.post("/auth/", json=_ADMIN))
            _ok(admin.post("/mod/plugin/", json=self._plugin()))
            client = {
                "client_id": CLIENT,
                "name": "gemba",
                "enabled": True,
                "confidential": True,
                "password": SECRET,
                "redirect_uri": [redirect_uri],
                "authorization_type": ["code"],
                "token_endpoint_auth_method": ["client_secret_basic"],
                "scope": [],
            }
            _ok(admin.post("/client/", json=client))
            person = {
                "username": PERSON,
                "name": "Anna Ant",
                "email": EMAIL,
                "password": PASSWORD,
                "enabled": True,
                "scope": ["openid", "g_profile"],
            }
            _ok(admin.post("/user/", json=person))

    def sign_in(self, browser: httpx.Client, username: str = PERSON) -> None:
        """What its own pages do when somebody signs in there and lets the client know them."""
        _ok(
            browser.post(f"{self.url}/api/auth/", json={"username": username, "password": PASSWORD})
        )
        _ok(browser.put(f"{self.url}/api/auth/grant/{CLIENT}", json={"scope": "openid"}))

    def _plugin(self) -> dict[str, Any]:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "module": "oidc",
            "name": "oidc",
            "display_name": "OIDC",
            "parameters": {
                "iss": self.issuer,
                "jwt-type": "rsa",
                "jwt-key-size": "256",
                "key": private.decode(),
                "cert": public.decode(),
                "jwks-show": True,
                "access-token-duration": 3_600,
                "refresh-token-duration": 3_600,
                "code-duration": 600,
                "refresh-token-rolling": True,
                "allow-non-oidc": False,
                "auth-type-code-enabled": True,
                "auth-type-code-revoke-replayed": True,
                "auth-type-token-enabled": False,
                "auth-type-id-token-enabled": True,
                "auth-type-none-enabled": False,
                "auth-type-password-enabled": False,
                "auth-type-client-enabled": False,
                "auth-type-device-enabled": False,
                "auth-type-refresh-enabled": True,
                "scope": [],
                "claims": [],
                "name-claim": "mandatory",
                "email-claim": "mandatory",
                "subject-type": "public",
                "pkce-allowed": True,
                "pkce-method-plain-allowed": False,
                "pkce-required": True,
                "session-management-allowed": True,
                "session-cookie-name": "OIDC_SESSION",
                "session-cookie-expiration": 3_600,
                "restrict-scope-client-property": "",
                "oauth-as-iss-id": True,
            },
        }


@contextlib.contextmanager
def openid_server(folder: Path) -> Iterator[OpenIdServer]:
    """A provider in this folder until the block ends."""
    database = folder / "glewlwyd.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript(TABLES.read_text(encoding="utf-8"))
    server = OpenIdServer(free_port())
    configuration = folder / "glewlwyd.conf"
    configuration.write_text(
        _CONFIGURATION.format(port=server.port, database=database, pages=_pages(folder, server)),
        encoding="utf-8",
    )
    with (folder / "glewlwyd.log").open("wb") as log:
        process = subprocess.Popen(
            ["glewlwyd", "-c", str(configuration)], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait(server, process, folder / "glewlwyd.log")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _pages(folder: Path, server: OpenIdServer) -> Path:
    """Its pages, which have to be told where they are."""
    pages = folder / "webapp"
    shutil.copytree(PAGES, pages, ignore=shutil.ignore_patterns("config.json"))
    settings = json.loads(PAGES_CONFIGURATION.read_text(encoding="utf-8"))
    settings |= {
        "GlewlwydUrl": f"{server.url}/",
        "ProfileUrl": f"{server.url}/profile.html",
        "AdminUrl": f"{server.url}/index.html",
        "LoginUrl": f"{server.url}/login.html",
    }
    (pages / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return pages


def _wait(server: OpenIdServer, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(150):
        if process.poll() is not None:
            break
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"{server.url}/api/", trust_env=False)
            return
        time.sleep(0.2)
    raise AssertionError(f"glewlwyd does not answer: {log.read_text(errors='replace')[-2000:]}")


def _ok(answer: httpx.Response) -> None:
    assert answer.status_code == httpx.codes.OK, (answer.url, answer.status_code, answer.text)
