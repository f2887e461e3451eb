"""Secrets, tokens, logging and settings: what every service leans on."""

from __future__ import annotations

import io
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
from pydantic_settings import BaseSettings

from domain.access import Role
from launch.cli_common import RoleName
from runtime.logging import configure_logging, without_credentials
from runtime.secrets import create_once, installation_key, replace_private, secrets_dir
from runtime.settings import (
    ApiSettings,
    EdgeSettings,
    Installation,
    NotifySettings,
    SchedulerSettings,
    StreamsSettings,
)
from runtime.tokens import TokenError, issue_token, verify_token
from simulator.settings import SimulatorSettings

KEY = "k" * 43


class TestSecrets:
    def test_a_secret_is_made_once_and_kept_for_its_owner_alone(self, data_dir: Path) -> None:
        first = installation_key(data_dir)
        assert installation_key(data_dir) == first
        assert len(first) >= 43
        path = secrets_dir(data_dir) / "installation.key"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700

    def test_two_installations_have_different_keys(self, tmp_path: Path) -> None:
        assert installation_key(tmp_path / "a") != installation_key(tmp_path / "b")

    def test_all_who_ask_at_once_get_the_same(self, data_dir: Path) -> None:
        path = secrets_dir(data_dir) / "shared"
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(create_once, [path] * 32))) == 1
        assert [entry.name for entry in path.parent.iterdir()] == ["shared"]

    def test_an_empty_file_is_told_and_not_taken(self, data_dir: Path) -> None:
        path = secrets_dir(data_dir) / "empty"
        path.touch()
        with pytest.raises(ValueError, match="empty"):
            create_once(path)

    def test_a_replaced_file_is_private_whatever_the_old_one_was(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("old")
        path.chmod(0o644)
        replace_private(path, "new")
        assert path.read_text() == "new"
        assert path.stat().st_mode & 0o777 == 0o600


class TestTokens:
    def test_what_is_issued_is_verified(self) -> None:
        claims = verify_token(KEY, issue_token(KEY, role="planner", sites=["s1"], subject="ci"))
        assert (claims.role, claims.sites, claims.subject) == ("planner", ("s1",), "ci")

    def test_without_sites_it_is_for_all_of_them(self) -> None:
        assert verify_token(KEY, issue_token(KEY, role="viewer")).sites == ()

    @pytest.mark.parametrize(
        "token",
        [
            issue_token("x" * 43, role="admin"),
            issue_token(KEY, role="admin", days=-1),
            jwt.encode({"aud": "other", "sub": "a", "iat": 0, "exp": 2**40}, KEY, "HS256"),
            jwt.encode({"aud": "gemba", "sub": "a", "iat": 0}, KEY, "HS256"),
            jwt.encode({"aud": "gemba", "sub": "a", "iat": 0, "exp": 2**33}, KEY, "HS256"),
            jwt.encode({"aud": "gemba", "sub": "a", "iat": 0, "exp": 2**33}, "", "none"),
            "not a token",
            "",
        ],
        ids=[
            "another installation's",
            "expired",
            "another audience",
            "never expires",
            "no role",
            "unsigned",
            "text",
            "empty",
        ],
    )
    def test_anything_else_opens_nothing(self, token: str) -> None:
        with pytest.raises(TokenError) as caught:
            verify_token(KEY, token)
        assert not token or token not in str(caught.value)

    def test_the_commands_roles_are_the_domains(self) -> None:
        assert [role.value for role in RoleName] == [role.value for role in Role]


class TestLogging:
    @pytest.mark.parametrize(
        ("text", "cleaned"),
        [
            ("to postgresql://gemba:s3cret@db/x", "to postgresql://***@db/x"),
            ("redis://:s3cret@127.0.0.1:1/0", "redis://***@127.0.0.1:1/0"),
            ("host=db password=s3cret user=x", "host=db password=*** user=x"),
            ("http://127.0.0.1:8000/a@b", "http://127.0.0.1:8000/a@b"),
        ],
    )
    def test_credentials_are_taken_out(self, text: str, cleaned: str) -> None:
        assert without_credentials(text) == cleaned

    def test_also_out_of_tracebacks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        output = io.StringIO()
        monkeypatch.setattr("sys.stderr", output)
        root = logging.getLogger()
        before = (root.handlers[:], root.level)
        try:
            configure_logging("edge", "info")
            error = ConnectionError("mqtt://gateway:s3cret@127.0.0.1:1883 is away")
            logging.getLogger("edge").error("no broker", exc_info=error)
        finally:
            root.handlers[:], root.level = before
        assert "no broker" in output.getvalue()
        assert "s3cret" not in output.getvalue()


class TestEnvExample:
    """`.env.example` names every setting with its default, and nothing else."""

    MODELS = (
        Installation,
        EdgeSettings,
        StreamsSettings,
        SchedulerSettings,
        NotifySettings,
        ApiSettings,
        SimulatorSettings,
    )

    def _example(self) -> dict[str, str]:
        text = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
        lines = (line for line in text.splitlines() if line and not line.startswith("#"))
        return dict(line.split("=", 1) for line in lines)

    def test_it_names_every_setting_and_no_other(self) -> None:
        known = {f"GEMBA_{name.upper()}" for model in self.MODELS for name in model.model_fields}
        assert set(self._example()) == known

    @pytest.mark.parametrize("model", MODELS)
    def test_its_values_are_the_defaults(
        self, model: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        defaults = model()
        for name, value in self._example().items():
            monkeypatch.setenv(name, value)
        assert model() == defaults
