"""A certificate authority for one broker, and the broker's certificate, made by `openssl`.

For a plant without an authority of its own. Whoever has one puts its files in their place.
"""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

AUTHORITY: Final = "ca.pem"
AUTHORITY_KEY: Final = "ca.key"
CERTIFICATE: Final = "server.pem"
KEY: Final = "server.key"

_AUTHORITY_DAYS: Final = 3_650
_CERTIFICATE_DAYS: Final = 825
"""What common TLS libraries take as the longest life of a server's certificate."""
_NAME: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*")
_TIMEOUT_S: Final = 30.0


class CertificateError(Exception):
    """The certificates cannot be made; the message says what to do."""


def make_certificates(directory: Path, hosts: Sequence[str]) -> list[str]:
    """Make what is missing of authority and certificate; the names of the files that were made.

    Args:
        directory: where they are kept. Only their owner can read the keys.
        hosts: names and addresses by which clients reach the broker.

    Raises:
        CertificateError: there is no `openssl`, a host is no name, or half of a pair is missing.
    """
    alternatives = ",".join(_alternative(host) for host in hosts)
    made = []
    if not _pair(directory, AUTHORITY, AUTHORITY_KEY, key_needed=False):
        _make_authority(directory)
        made += [AUTHORITY, AUTHORITY_KEY]
    if not _pair(directory, CERTIFICATE, KEY):
        if not (directory / AUTHORITY_KEY).exists():
            raise CertificateError(
                f"{directory / AUTHORITY} is an authority whose key is not here: let it sign a "
                f"certificate, and put that into {CERTIFICATE} and {KEY}"
            )
        _make_certificate(directory, hosts[0], alternatives)
        made += [CERTIFICATE, KEY]
    return made


def _pair(directory: Path, certificate: str, key: str, *, key_needed: bool = True) -> bool:
    """Whether both are there; one without the other is somebody's mistake, not ours to mend."""
    there = (directory / certificate).exists(), (directory / key).exists()
    if there[1] and not there[0]:
        raise CertificateError(f"{directory / key} is there without {certificate}: remove it")
    if there[0] and not there[1] and key_needed:
        raise CertificateError(f"{directory / certificate} is there without {key}")
    return there[0]


def _make_authority(directory: Path) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as name:
        folder = Path(name)
        _new_key(folder / AUTHORITY_KEY)
        _openssl(
            "req", "-x509", "-new", "-sha256", "-days", str(_AUTHORITY_DAYS),
            "-key", str(folder / AUTHORITY_KEY), "-out", str(folder / AUTHORITY),
            "-subj", "/CN=gemba broker authority",
            "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        _keep(folder, directory, AUTHORITY_KEY, AUTHORITY)


def _make_certificate(directory: Path, subject: str, alternatives: str) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as name:
        folder = Path(name)
        request, extensions = folder / "request.pem", folder / "extensions"
        extensions.write_text(
            "basicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth\n"
            f"subjectAltName={alternatives}\n",
            encoding="ascii",
        )
        _new_key(folder / KEY)
        _openssl(
            "req", "-new", "-sha256", "-key", str(folder / KEY), "-out", str(request),
            "-subj", f"/CN={subject}",
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-sha256", "-days", str(_CERTIFICATE_DAYS), "-in", str(request),
            "-CA", str(directory / AUTHORITY), "-CAkey", str(directory / AUTHORITY_KEY),
            "-CAcreateserial", "-CAserial", str(folder / "serial"),
            "-extfile", str(extensions), "-out", str(folder / CERTIFICATE),
        )  # fmt: skip
        _keep(folder, directory, KEY, CERTIFICATE)


def _new_key(path: Path) -> None:
    path.touch(mode=0o600)
    _openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path)
    )


def _keep(folder: Path, directory: Path, *names: str) -> None:
    """Move finished files to their place: none of them is ever there by half."""
    for name in names:
        (folder / name).rename(directory / name)


def _alternative(host: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        pass
    if _NAME.fullmatch(host) is None:
        raise CertificateError(f"host {host!r} is neither a name nor an address")
    return f"DNS:{host}"


def _openssl(*arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise CertificateError(
            "openssl is not installed: install it, or bring certificates of your own "
            f"({AUTHORITY}, {CERTIFICATE}, {KEY})"
        )
    ended = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    if ended.returncode != 0:
        raise CertificateError(f"openssl {arguments[0]}: {ended.stderr.strip()[-300:]}")
