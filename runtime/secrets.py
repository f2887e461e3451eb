"""Secrets of an installation: made at first start, kept in files only their owner can read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

_FILE_MODE = 0o600
_DIR_MODE = 0o700
_SHORTEST_KEY = 32
"""Characters: what HMAC-SHA-256 asks for, and less than `generate_secret` gives."""


def generate_secret() -> str:
    """256 random bits as text that needs no quoting in URLs and configuration files."""
    return secrets.token_urlsafe(32)


def secrets_dir(data_dir: Path) -> Path:
    """Where an installation keeps its secrets (0700), made when missing."""
    path = data_dir / "secrets"
    path.mkdir(mode=_DIR_MODE, parents=True, exist_ok=True)
    path.chmod(_DIR_MODE)
    return path


def create_once(path: Path, make: Callable[[], str] = generate_secret) -> str:
    """The secret in the file, made by `make` when there is none; the same for all who ask at once.

    The file appears complete or not at all, and is never overwritten.
    """
    try:
        return read_secret(path)
    except FileNotFoundError:
        pass
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _write(draft, make())
        try:
            os.link(draft, path)
        except FileExistsError:
            return read_secret(path)
    finally:
        draft.unlink(missing_ok=True)
    return read_secret(path)


def read_secret(path: Path) -> str:
    """The secret in the file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is empty.
    """
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise ValueError(f"{path} is empty; maybe the disk was full when it was made: remove it")
    return text


def replace_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, complete or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _write(draft, text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def installation_key(data_dir: Path, given: str = "") -> str:
    """The key that signs the installation's tokens: the one the settings give, else one made once.

    Raises:
        ValueError: the given key is too short to be safe.
    """
    if given:
        return checked_key(given)
    return create_once(secrets_dir(data_dir) / "installation.key")


def checked_key(given: str) -> str:
    """A key from the settings, if it is long enough.

    Raises:
        ValueError: it is too short to be safe.
    """
    if len(given) < _SHORTEST_KEY:
        raise ValueError(f"GEMBA_INSTALLATION_KEY has to have at least {_SHORTEST_KEY} characters")
    return given


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
