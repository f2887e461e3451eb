"""`python -m benchmarks.intake`: orders by batches and X12 documents, on its own installation.

Every order is resolved, stored, reviewed, audited and told to the stream in one transaction, as in
`gemba up`; the services that read the stream run beside it on the same processors.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil

from benchmarks.installation import cpu_seconds, running_installation
from launch.reach import token_of

SITE = "bench"
MACHINE = f"{SITE}/area/line/m01"
CUSTOMERS = 50
ITEMS = 100


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement: how many in how long, and what it cost all processes together."""

    what: str
    count: int
    seconds: float
    per_second: float
    cpu_ms_each: float
    p50_ms: float
    p99_ms: float


async def main() -> None:
    """Measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--batch", type=int, default=250, help="orders per request")
    parser.add_argument("--documents", type=int, default=10, help="documents per X12 file")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as directory:
        data_dir = Path(directory)
        async with running_installation(data_dir, "amqtt") as (supervisor, addresses):
            token = token_of(data_dir, role="admin", subject="bench")
            headers = {"Authorization": f"Bearer {token}"}
            limits = httpx.Limits(max_connections=wanted.clients)
            async with httpx.AsyncClient(
                base_url=addresses.http_url, headers=headers, timeout=60, limits=limits
            ) as api:
                await _furnish(api)
                numbers = itertools.count()
                figures = [
                    await _measure(what, work, each, supervisor, wanted)
                    for what, work, each in (
                        ("orders, in batches", lambda: _batch(api, numbers, wanted.batch),
                         wanted.batch),
                        ("X12 documents, one per request", lambda: _file(api, numbers, 1), 1),
                        (f"X12 documents, {wanted.documents} per request",
                         lambda: _file(api, numbers, wanted.documents), wanted.documents),
                    )
                ]  # fmt: skip
    for one in figures:
        print(
            f"{one.what}: {one.per_second:.0f}/s ({one.count} in {one.seconds:.1f} s),"
            f" {one.cpu_ms_each:.2f} ms CPU each, request p50 {one.p50_ms:.0f} ms,"
            f" p99 {one.p99_ms:.0f} ms"
        )
    if wanted.json is not None:
        told = {
            "cores": psutil.cpu_count(),
            "load_before": psutil.getloadavg()[0],
            "figures": msgspec.to_builtins(figures),
        }
        wanted.json.write_text(json.dumps(told, indent=1) + "\n")


async def _measure(
    what: str,
    work: Callable[[], Awaitable[None]],
    each: int,
    supervisor: psutil.Process,
    wanted: argparse.Namespace,
) -> Figures:
    await work()  # plans are cached, connections are open
    times: list[float] = []
    cpu = cpu_seconds(supervisor)
    began = time.monotonic()
    end = began + wanted.seconds

    async def client() -> None:
        while time.monotonic() < end:
            sent = time.monotonic()
            await work()
            times.append(time.monotonic() - sent)

    await asyncio.gather(*(client() for _ in range(wanted.clients)))
    seconds = time.monotonic() - began
    count = len(times) * each
    times.sort()
    return Figures(
        what=what,
        count=count,
        seconds=seconds,
        per_second=count / seconds,
        cpu_ms_each=1000 * (cpu_seconds(supervisor) - cpu) / count,
        p50_ms=1000 * times[len(times) // 2],
        p99_ms=1000 * times[int(len(times) * 0.99)],
    )


async def _furnish(api: httpx.AsyncClient) -> None:
    step = {"number": 10, "name": "Make", "machine": MACHINE, "cycle_ms": 1000}
    routings = [{"site": SITE, "steps": [step]}]
    bodies: list[tuple[str, dict[str, Any]]] = [
        (f"/v1/sites/{SITE}", {"name": "Bench", "time_zone": "Europe/Berlin"}),
        (f"/v1/machines/{MACHINE}", {"name": "Machine"}),
        *((f"/v1/customers/C{one}", {"name": f"Customer {one}"}) for one in range(CUSTOMERS)),
        *(
            (f"/v1/items/I{one}", {"name": f"Item {one}", "routings": routings})
            for one in range(ITEMS)
        ),
    ]
    for path, body in bodies:
        (await api.put(path, json=body)).raise_for_status()


async def _batch(api: httpx.AsyncClient, numbers: Iterator[int], size: int) -> None:
    orders = [
        {
            "site": SITE,
            "customer": f"C{number % CUSTOMERS}",
            "external_source": "bench",
            "external_id": f"E-{number}",
            "lines": [
                {
                    "item": f"I{(number + one) % ITEMS}",
                    "quantity": 1 + number % 97,
                    "due_at": "2099-06-01T12:00:00Z",
                }
                for one in range(2)
            ],
        }
        for number in itertools.islice(numbers, size)
    ]
    answer = await api.post("/v1/orders/batch", json={"orders": orders})
    answer.raise_for_status()
    if answer.json()["created"] != size:
        raise RuntimeError(f"not all orders were taken in: {answer.text[:500]}")


async def _file(api: httpx.AsyncClient, numbers: Iterator[int], size: int) -> None:
    chosen = list(itertools.islice(numbers, size))
    control = f"{chosen[0] % 10**9:09d}"
    sets = [_purchase_order(number, place + 1) for place, number in enumerate(chosen)]
    content = (
        "ISA*00*          *00*          *01*000123456      *ZZ*GEMBA          *261120*1030*U*00401"
        f"*{control}*0*P*>~GS*PO*000123456*GEMBA*20261120*1030*{chosen[0]}*X*004010~"
        + "".join(sets)
        + f"GE*{size}*{chosen[0]}~IEA*1*{control}~"
    )
    answer = await api.post("/v1/intake/x12", content=content)
    answer.raise_for_status()
    if any(one["outcome"] != "created" for one in answer.json()["documents"]):
        raise RuntimeError(f"not all documents were taken in: {answer.text[:500]}")


def _purchase_order(number: int, place: int) -> str:
    return (
        f"ST*850*{place:04d}~BEG*00*SA*PO-{number}**20261120~CUR*BY*EUR~"
        f"N1*BY*Customer*92*C{number % CUSTOMERS}~"
        f"PO1*1*{1 + number % 97}*EA*3.25**VP*I{number % ITEMS}~DTM*002*20991231~"
        f"PO1*2*5*EA*1.5**VP*I{(number + 1) % ITEMS}~CTT*2~SE*9*{place:04d}~"
    )


if __name__ == "__main__":
    asyncio.run(main())
