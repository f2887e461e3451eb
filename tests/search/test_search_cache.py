"""Where machine code is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.search import compiled


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "said"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    monkeypatch.delenv("GEMBA_COMPILED_DIR", raising=False)
    return folder


def test_it_is_where_the_environment_says(said: Path) -> None:
    assert compiled._cache_folder().parent == said


def test_what_cannot_be_written_to_is_passed_over(
    said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said.write_text("a file, no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert compiled._cache_folder().parent == tmp_path / "cache" / "gemba"


def test_what_an_image_brings_is_copied_once(
    said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = compiled._cache_folder().name
    brought = tmp_path / "brought"
    (brought / name).mkdir(parents=True)
    (brought / name / "code").write_text("machine code")
    monkeypatch.setenv("GEMBA_COMPILED_DIR", str(brought))
    folder = compiled._cache_folder()
    assert folder == said / name
    assert (folder / "code").read_text() == "machine code"
    (brought / name / "code").write_text("another")
    assert (compiled._cache_folder() / "code").read_text() == "machine code"
