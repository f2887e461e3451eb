"""`gemba master-data`: files of master data through the API, as people and programs do it."""

from __future__ import annotations

import io
import zipfile
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx

_TIMEOUT_S: Final = 120
_ENDINGS: Final = frozenset({".yaml", ".yml", ".json", ".csv"})
_MEDIA: Final = {
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".json": "application/json",
    ".csv": "text/csv",
    ".zip": "application/zip",
}


class MasterDataError(Exception):
    """It cannot be done; the message says why, `faults` what is wrong with the files."""

    def __init__(self, message: str, faults: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.faults = faults or []


def import_files(
    api_url: str,
    token: str,
    source: Path,
    *,
    dry_run: bool = False,
    remove_missing: bool = False,
    reason: str | None = None,
) -> dict[str, Any]:
    """Import a file, or all files of a directory together; what was done.

    Args:
        api_url: the installation's HTTP address.
        token: a bearer token that may configure.
        source: a YAML, JSON, CSV (named for its kind, `items.csv`) or zip file, or a directory.
        dry_run: say what would happen; faults are in the answer.
        remove_missing: give up what the kinds in the files hold no more.
        reason: why, for the audit log.

    Raises:
        MasterDataError: the files cannot be read, are at fault, or the API refuses.
    """
    try:
        content, media, query = _request(source)
    except OSError as error:
        raise MasterDataError(f"{source} cannot be read: {error.strerror or error}") from error
    flags = {"dry_run": dry_run, "remove_missing": remove_missing}
    query |= {name: "true" for name, wanted in flags.items() if wanted}
    if reason is not None:
        query["reason"] = reason
    response = _send(
        api_url,
        token,
        "POST",
        params=query,
        content=content,
        headers={"Content-Type": media},
    )
    if not response.is_success:
        raise _refused(response)
    outcome: dict[str, Any] = response.json()
    return outcome


def export(api_url: str, token: str, *, format_: str, kinds: str | None = None) -> bytes:
    """All master data, or some kinds, as YAML (`yaml`) or as a zip of tables (`csv`).

    Raises:
        MasterDataError: the API refuses, or does not answer.
    """
    query = {"format": "csv-zip" if format_ == "csv" else "yaml"}
    if kinds:
        query["kinds"] = kinds
    response = _send(api_url, token, "GET", params=query)
    if not response.is_success:
        raise _refused(response)
    return response.content


def _request(source: Path) -> tuple[bytes, str, dict[str, str]]:
    """What to send: content, media type and query."""
    if source.is_dir():
        return _packed(source), "application/zip", {}
    ending = source.suffix.lower()
    if ending not in _MEDIA:
        raise MasterDataError(
            f"{source.name} is none of .yaml, .yml, .json, .csv and .zip; name it for what it is"
        )
    query = {"kind": source.stem.lower()} if ending == ".csv" else {"file": source.name[-100:]}
    return source.read_bytes(), _MEDIA[ending], query


def _packed(directory: Path) -> bytes:
    files = sorted(path for path in directory.iterdir() if path.suffix.lower() in _ENDINGS)
    if not files:
        raise MasterDataError(f"{directory} holds no .yaml, .yml, .json or .csv file")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(path.name, path.read_bytes())
    return target.getvalue()


def _send(api_url: str, token: str, method: str, **request: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", **request.pop("headers", {})}
    try:
        with httpx.Client(base_url=api_url, timeout=_TIMEOUT_S) as client:
            return client.request(method, "/v1/master-data", headers=headers, **request)
    except httpx.HTTPError as error:
        raise MasterDataError(f"the API at {api_url} does not answer: {error}") from error


def _refused(response: httpx.Response) -> MasterDataError:
    try:
        problem = response.json()
    except ValueError:
        return MasterDataError(f"the API answers {response.status_code}")
    faults = problem.get("errors") or []
    if response.status_code != HTTPStatus.UNPROCESSABLE_ENTITY or not faults:
        return MasterDataError(str(problem.get("detail", response.status_code)))
    return MasterDataError("Nothing was changed.", faults)
