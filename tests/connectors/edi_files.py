"""EDI files of tests: made from segments, or those of the reference data."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.options import ReadOptions

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "docs" / "howto" / "samples"
REFERENCE = ROOT.parent / "shared" / "data" / "documents"
OPTIONS = ReadOptions()
ISA = (
    "ISA*00*          *00*          *01*123456789      *ZZ*GEMBA          *261120*0915*U*00401"
    "*000000101*0*P*>~"
)


def reference(name: str) -> bytes:
    """A document of the reference data; skipped where it is absent."""
    path = REFERENCE / name
    if not path.exists():
        pytest.skip("the reference data (../shared/data/documents) is not beside the checkout")
    return path.read_bytes()


def sample(name: str) -> bytes:
    """A document that the how-to shows."""
    return (SAMPLES / name).read_bytes()


def x12(*body: str, kind: str = "850", functional: str = "PO", isa: str = ISA) -> bytes:
    """An interchange with one transaction set; ST, SE and the envelope are made."""
    segments = [f"ST*{kind}*0001", *body, f"SE*{len(body) + 2}*0001"]
    whole = [
        f"GS*{functional}*123456789*GEMBA*20261120*0915*101*X*004010",
        *segments,
        "GE*1*101",
        "IEA*1*000000101",
    ]
    return (isa + "\n" + "".join(f"{segment}~\n" for segment in whole)).encode()


def order_850(*lines: str, begin: str = "BEG*00*SA*PO-1**20261120") -> bytes:
    """An 850 with a header that is in order."""
    return x12(begin, "N1*BY*Northwind*92*NW-1", *lines)


def edifact(*body: str, kind: str = "ORDERS", header: str = "UNB+UNOC:3") -> bytes:
    """An interchange with one message; UNH, UNT and the envelope are made."""
    whole = [
        f"{header}+5412345000013:14+4012345000009:14+261120:0915+7001",
        f"UNH+1+{kind}:D:96A:UN:EAN008",
        *body,
        f"UNT+{len(body) + 2}+1",
        "UNZ+1+7001",
    ]
    return "".join(f"{segment}'\n" for segment in whole).encode("latin-1")


def orders(*lines: str, begin: str = "BGM+220+PO-1+9") -> bytes:
    """An ORDERS with a header that is in order."""
    return edifact(begin, "DTM+137:20261120:102", "NAD+BY+5412345000013::9", *lines, "UNS+S")
