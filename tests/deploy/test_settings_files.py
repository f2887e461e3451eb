"""Settings from files, and `.env.example`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from launch.installation import Addresses
from launch.reach import token_of
from launch.services import service_program
from runtime.secret_files import SettingFileError
from runtime.secrets import installation_key
from runtime.settings import (
    ApiSettings,
    EdgeSettings,
    Installation,
    NotifySettings,
    SchedulerSettings,
    StreamsSettings,
)
from simulator.settings import SimulatorSettings

MODELS: tuple[type[Installation], ...] = (
    Installation,
    EdgeSettings,
    StreamsSettings,
    NotifySettings,
    SchedulerSettings,
    ApiSettings,
    SimulatorSettings,
)
ROOT = Path(__file__).parents[2]
URL = "postgresql://gemba:s3cret@db:5432/gemba"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GEMBA_")]:
        monkeypatch.delenv(name)


def _file(folder: Path, content: bytes) -> str:
    path = folder / "secret"
    path.write_bytes(content)
    return str(path)


class TestSettingsFromFiles:
    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
    def test_a_file_gives_the_setting_without_its_last_line_end(
        self, end: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GEMBA_DATABASE_URL_FILE", _file(tmp_path, URL.encode() + end))
        settings = EdgeSettings()
        assert settings.database_url.get_secret_value() == URL
        assert "s3cret" not in repr(settings)

    def test_only_one_line_end_is_cut_off(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GEMBA_PUBLIC_URL_FILE", _file(tmp_path, b" a \n\n"))
        assert ApiSettings().public_url == " a \n"

    @pytest.mark.parametrize("model", MODELS)
    def test_every_setting_of_every_model_may_stand_in_a_file(
        self, model: type[Installation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        defaults = model()
        for line in _example_lines():
            name, value = line.split("=", 1)
            if value and name.removeprefix("GEMBA_").lower() in model.model_fields:
                path = tmp_path / name
                path.write_text(value + "\n", encoding="utf-8")
                monkeypatch.setenv(f"{name}_FILE", str(path))
        assert model() == defaults
        monkeypatch.setenv("GEMBA_LOG_LEVEL_FILE", _file(tmp_path, b"DEBUG\n"))
        assert model().log_level == "DEBUG"

    def test_given_twice_is_refused_and_both_are_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GEMBA_DATABASE_URL", URL)
        monkeypatch.setenv("GEMBA_DATABASE_URL_FILE", _file(tmp_path, b"x"))
        with pytest.raises(SettingFileError) as refusal:
            Installation()
        assert "GEMBA_DATABASE_URL and GEMBA_DATABASE_URL_FILE are both given" in str(refusal.value)
        assert "s3cret" not in str(refusal.value)

    def test_an_empty_variable_is_not_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GEMBA_DATABASE_URL", "")
        monkeypatch.setenv("GEMBA_DATABASE_URL_FILE", _file(tmp_path, URL.encode()))
        assert Installation().database_url == SecretStr(URL)
        monkeypatch.setenv("GEMBA_DATABASE_URL_FILE", "")
        assert Installation().database_url == SecretStr("")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "No such file or directory"),
            (b"", "is empty"),
            (b"\n", "is empty"),
            (b"\xff\xfe", "is not UTF-8 text"),
            (b"x" * 70_000, "is too large to be a setting"),
        ],
    )
    def test_what_is_wrong_names_the_variable_and_the_file_and_nothing_in_it(
        self, content: bytes | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = str(tmp_path / "none") if content is None else _file(tmp_path, content)
        monkeypatch.setenv("GEMBA_REDIS_URL_FILE", path)
        with pytest.raises(SettingFileError) as problem:
            Installation()
        assert str(problem.value).startswith(f"GEMBA_REDIS_URL_FILE: {path}")
        assert words in str(problem.value)
        assert len(str(problem.value)) < 200 + len(path)

    def test_lists_are_json_in_a_file_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(
            "GEMBA_ALLOWED_ORIGINS_FILE", _file(tmp_path, b'["https://a.example"]\n')
        )
        assert ApiSettings().allowed_origins == ("https://a.example",)
        monkeypatch.setenv("GEMBA_ALLOWED_ORIGINS_FILE", _file(tmp_path, b"s3cret"))
        with pytest.raises(SettingFileError, match="is not JSON") as problem:
            ApiSettings()
        assert "s3cret" not in str(problem.value)

    @pytest.mark.parametrize("service", ["edge", "api"])
    def test_a_service_says_it_in_one_line_and_ends(self, service: str, tmp_path: Path) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "launch", "run", service],
            env={**os.environ, "GEMBA_REDIS_URL_FILE": str(tmp_path / "none")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 1
        assert ended.stderr.splitlines() == [
            f"gemba: GEMBA_REDIS_URL_FILE: {tmp_path / 'none'}: No such file or directory"
        ]

    def test_the_supervisor_hands_on_what_it_read_and_no_file_beside_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GEMBA_DATABASE_URL_FILE", _file(tmp_path, URL.encode()))
        monkeypatch.setenv("GEMBA_LOG_LEVEL_FILE", _file(tmp_path, b"INFO"))
        program = service_program(
            "api",
            data_dir=tmp_path,
            addresses=Addresses(
                database_url=URL,
                stream_url="embedded://",
                redis_url="redis://127.0.0.1",
                mqtt_url="mqtt://127.0.0.1",
                machine_mqtt_url="mqtt://127.0.0.1",
                http_url="http://127.0.0.1:8000",
            ),
            http_host="127.0.0.1",
            http_port=8000,
        )
        assert program.environment["GEMBA_DATABASE_URL"] == URL
        assert "GEMBA_DATABASE_URL_FILE" not in program.environment
        assert "GEMBA_LOG_LEVEL_FILE" in program.environment


class TestInstallationKey:
    def test_the_settings_come_before_the_data_directory(self, tmp_path: Path) -> None:
        given = "k" * 43
        assert installation_key(tmp_path, given) == given
        assert not (tmp_path / "secrets").exists()
        assert token_of(tmp_path, role="admin", key=given).count(".") == 2

    def test_a_short_key_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="at least 32 characters"):
            installation_key(tmp_path, "short")


class TestEnvExample:
    """Beside `tests/launch/test_runtime.py`: each setting has its description above it."""

    def test_each_setting_stands_under_its_description(self) -> None:
        described = {
            f"GEMBA_{name.upper()}": field.description
            for model in MODELS
            for name, field in model.model_fields.items()
        }
        comment: list[str] = []
        found: dict[str, str] = {}
        for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                comment.append(line.removeprefix("#").strip())
            elif "=" in line:
                found[line.split("=", 1)[0]] = " ".join(comment)
                comment = []
            else:
                comment = []
        assert found == described


def _example_lines() -> list[str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
