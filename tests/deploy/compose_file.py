"""docker-compose.yml as Compose reads it: interpolated, and a service's parts with their types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"
OWN_IMAGE = "gemba:"

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::?-(?P<default>[^}]*))?\})")


@dataclass(frozen=True)
class Mount:
    """A volume or a file of the checkout in a container."""

    source: str
    """A named volume, or a path of the checkout (`./…`)."""
    target: str
    read_only: bool

    @property
    def is_volume(self) -> bool:
        return not self.source.startswith(".")


@dataclass(frozen=True)
class Service:
    """A service of the file."""

    name: str
    raw: Mapping[str, Any]

    @property
    def image(self) -> str:
        return str(self.raw["image"])

    @property
    def is_ours(self) -> bool:
        return self.image.startswith(OWN_IMAGE)

    @property
    def command(self) -> list[str]:
        """What the container runs: entry point (of the file or of the image) and command."""
        image = ["gemba"] if self.is_ours else []
        entrypoint = [str(word) for word in self.raw.get("entrypoint", image)]
        return [*entrypoint, *(str(word) for word in self.raw.get("command", []))]

    @property
    def environment(self) -> dict[str, str]:
        return {str(name): str(value) for name, value in self.raw.get("environment", {}).items()}

    @property
    def secrets(self) -> list[str]:
        return [str(name) for name in self.raw.get("secrets", [])]

    @property
    def mounts(self) -> list[Mount]:
        found = []
        for text in self.raw.get("volumes", []):
            source, target, *options = str(text).split(":")
            found.append(Mount(source, target, "ro" in options))
        return found

    @property
    def tmpfs(self) -> list[str]:
        return [str(text).split(":")[0] for text in self.raw.get("tmpfs", [])]

    @property
    def health_check(self) -> list[str] | None:
        """The command of the health check, or None when it is disabled."""
        check = self.raw["healthcheck"]
        if check.get("disable"):
            return None
        kind, *words = check["test"]
        assert kind == "CMD"
        return [str(word) for word in words]

    @property
    def profiles(self) -> list[str]:
        return list(self.raw.get("profiles", []))


@dataclass(frozen=True)
class ComposeFile:
    """The whole file."""

    raw: Mapping[str, Any]

    @property
    def services(self) -> dict[str, Service]:
        return {name: Service(name, raw) for name, raw in self.raw["services"].items()}

    def secret_file(self, name: str) -> str:
        """The file's name in the folder of secrets."""
        return Path(self.raw["secrets"][name]["file"]).name


def read(environment: Mapping[str, str] | None = None) -> ComposeFile:
    """The file with its variables replaced, as Compose does it before it looks at anything."""
    return ComposeFile(_interpolated(yaml.safe_load(FILE.read_text(encoding="utf-8")), environment))


def raw() -> Any:
    """The file as it is written, for its schema."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def variables() -> set[str]:
    """The variables that the file asks for."""
    text = FILE.read_text(encoding="utf-8")
    return {match["name"] for match in _VARIABLE.finditer(text) if match["name"]}


def image_environment() -> dict[str, str]:
    """What the image's last stage sets with ENV."""
    last_stage = DOCKERFILE.read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    joined = last_stage.replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in joined.splitlines() if line.startswith("ENV ")]
    return dict(word.split("=", 1) for line in lines for word in line.split())


def _interpolated(value: Any, environment: Mapping[str, str] | None) -> Any:
    known = environment or {}

    def replaced(match: re.Match[str]) -> str:
        if match["name"] is None:
            return "$"
        given = known.get(match["name"], "")
        return given or (match["default"] or "")

    if isinstance(value, str):
        return _VARIABLE.sub(replaced, value)
    if isinstance(value, dict):
        return {name: _interpolated(one, environment) for name, one in value.items()}
    if isinstance(value, list):
        return [_interpolated(one, environment) for one in value]
    return value
