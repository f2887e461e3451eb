"""The role of customers' requests on a server of one's own: missing, made, and after a restore."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from typer.testing import CliRunner

from launch.backends.postgres import PostgresServer, binaries
from launch.backends.running import running
from launch.cli import app
from launch.doctor import Finding, examine
from runtime.settings import Installation
from store.customer_role import ROLE
from store.migrate import MigrationError, known_versions, migrate

ROOT = Path(__file__).resolve().parents[2]
OWNER = "plant_owner"
_PASSWORD = "only-here"


class Server:
    """A server of its own, where the owner of databases may not make roles."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def superuser(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._server.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*[sql.Identifier(name) for name in names]))

    def database(self, name: str) -> str:
        """A new database of the owner's; its address."""
        self.superuser("CREATE DATABASE {} OWNER {} TEMPLATE template0", name, OWNER)
        parts = urlsplit(self._server.url)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{OWNER}:{_PASSWORD}@{place}", path=f"/{name}"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("own-postgres")
    postgres = PostgresServer(folder, durable=False, shared_buffers_mb=64)
    with running(postgres, folder / "postgres.log"):
        own = Server(postgres)
        own.superuser("CREATE ROLE {} LOGIN NOCREATEROLE PASSWORD '" + _PASSWORD + "'", OWNER)
        yield own


@pytest.fixture
def without_role(server: Server) -> Server:
    """The server, where nobody has made the role."""
    server.superuser("DROP DATABASE IF EXISTS before_role WITH (FORCE)")
    server.superuser("DROP DATABASE IF EXISTS after_role WITH (FORCE)")
    server.superuser("DROP DATABASE IF EXISTS restored WITH (FORCE)")
    server.superuser("DROP ROLE IF EXISTS {}", ROLE)
    return server


async def database_finding(url: str, folder: Path) -> Finding:
    settings = Installation(
        data_dir=folder,
        database_url=SecretStr(url),
        redis_url=SecretStr("redis://127.0.0.1:1"),
        mqtt_url=SecretStr("mqtt://127.0.0.1:1"),
    )
    (found,) = [one for one in await examine(settings) if one.name == "database"]
    return found


def program(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(binaries() / name), *arguments], capture_output=True, text=True, check=False
    )


async def test_migrating_says_what_to_run_and_changes_nothing(
    without_role: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = without_role.database("before_role")
    with pytest.raises(MigrationError) as raised:
        migrate(url)
    told = str(raised.value)
    assert "'plant_owner', who owns 'before_role', may not make roles" in told
    assert "CREATE ROLE gemba_customer NOLOGIN; GRANT gemba_customer TO plant_owner;" in told
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT to_regclass('orders')").fetchone()
        assert row == (None,)
    monkeypatch.setenv("GEMBA_DATABASE_URL", url)
    said = CliRunner().invoke(app, ["migrate"])
    assert said.exit_code == 1
    assert "CREATE ROLE gemba_customer NOLOGIN" in said.output.replace("\n", " ")
    assert _PASSWORD not in said.output
    # Made, but not given.
    without_role.superuser("CREATE ROLE {} NOLOGIN", ROLE)
    with pytest.raises(MigrationError, match="may not take on the role 'gemba_customer'") as raised:
        migrate(url)
    assert "GRANT gemba_customer TO plant_owner;" in str(raised.value)
    # The advice, as it stands there.
    without_role.superuser("GRANT {} TO {}", ROLE, OWNER)
    assert migrate(url) == known_versions()
    assert (await database_finding(url, tmp_path)).ok


async def test_a_dump_is_restored_with_the_role_and_the_doctor_says_so_without(
    without_role: Server, tmp_path: Path
) -> None:
    without_role.superuser("CREATE ROLE {} NOLOGIN", ROLE)
    without_role.superuser("GRANT {} TO {}", ROLE, OWNER)
    url = without_role.database("after_role")
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO sites (code, name) VALUES ('plant-1', 'Plant 1')")
        connection.execute("INSERT INTO customers (code, name) VALUES ('acme', 'A'), ('b', 'B')")
        connection.execute(
            "INSERT INTO orders (site_id, number, customer_id)"
            " SELECT s.id, 'SO-' || c.code, c.id FROM sites s, customers c"
        )
    dump = tmp_path / "gemba.dump"
    dumped = program("pg_dump", "--format=custom", f"--file={dump}", url)
    assert dumped.returncode == 0, dumped.stderr

    # Another server has no such role: here it is taken away, together with what depends on it.
    without_role.superuser("DROP DATABASE after_role WITH (FORCE)")
    without_role.superuser("DROP ROLE {}", ROLE)
    target = without_role.database("restored")
    lacking = program("pg_restore", "--no-owner", f"--dbname={target}", str(dump))
    assert 'role "gemba_customer" does not exist' in lacking.stderr
    found = await database_finding(target, tmp_path)
    assert not found.ok
    assert "the role 'gemba_customer' is missing" in found.detail
    assert "CREATE ROLE gemba_customer NOLOGIN" in (found.advice or "")
    without_role.superuser("CREATE ROLE {} NOLOGIN", ROLE)
    without_role.superuser("GRANT {} TO {}", ROLE, OWNER)
    found = await database_finding(target, tmp_path)
    assert not found.ok
    assert "not all of its grants and policies" in found.detail
    assert "restore it once more" in (found.advice or "")

    without_role.superuser("DROP DATABASE restored WITH (FORCE)")
    target = without_role.database("restored")
    restored = program("pg_restore", "--no-owner", f"--dbname={target}", str(dump))
    assert restored.returncode == 0, restored.stderr
    assert (await database_finding(target, tmp_path)).ok
    assert migrate(target) == []
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (2,)
        # Row-level security came along: a customer sees their own.
        connection.execute(
            "SELECT set_config('gemba.customer_id', id::text, true) FROM customers"
            " WHERE code = 'acme'"
        )
        connection.execute("SET LOCAL ROLE gemba_customer")
        assert connection.execute("SELECT number FROM orders").fetchall() == [("SO-acme",)]


@pytest.mark.parametrize("page", ["sign-in-and-roles.md", "sign-in-and-roles.zh-CN.md"])
def test_the_howto_and_the_script_make_what_is_needed(page: str) -> None:
    script = (ROOT / "deploy" / "timescaledb" / "gemba.sql").read_text(encoding="utf-8")
    text = (ROOT / "docs" / "howto" / page).read_text(encoding="utf-8")
    for told in (script, text):
        assert f"CREATE ROLE {ROLE} NOLOGIN;" in told
        assert f"GRANT {ROLE} TO gemba;" in told
    assert "gemba doctor" in text
    assert "pg_restore" in text
