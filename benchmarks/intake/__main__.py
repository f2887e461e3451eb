"""`python -m benchmarks.intake`: orders by batches and X12 documents, on its own installation.

Every order is resolved, stored, reviewed, audited and told to the stream before it is answered, as
in `gemba up`; the services that read the stream run beside it on the same processors, and so does
what sends the documents. Where other programs run as well, the rates say little: compare the CPU
that a document costs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
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
from benchmarks.intake.client import Client
from launch.reach import token_of

SITE = "bench"
MACHINE = f"{SITE}/area/line/m01"
CUSTOMERS = 50
ITEMS = 100


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement: how many in how long, and what it cost.

    Attributes:
        what: was sent.
        clients: how many sent at the same time.
        cpu_ms_each: of all processes of the installation together, the database included.
        api_cpu_ms_each: of those the API's.
        generator_share: of one core, that it took to send.
    """

    what: str
    clients: int
    count: int
    seconds: float
    per_second: float
    cpu_ms_each: float
    api_cpu_ms_each: float
    generator_share: float
    p50_ms: float
    p99_ms: float


class Kind(msgspec.Struct, frozen=True):
    """What is sent by one request: its name, how many in it, how many clients, and how."""

    what: str
    each: int
    clients: int
    send: Callable[[Client], Awaitable[None]]


class _Outcome(msgspec.Struct):
    outcome: str


class _Intake(msgspec.Struct):
    documents: list[_Outcome]


class _Batch(msgspec.Struct):
    created: int


async def main() -> None:
    """Measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--clients", type=int, default=16, help="that send single documents")
    parser.add_argument("--senders", type=int, default=4, help="that send batches and files")
    parser.add_argument("--batch", type=int, default=250, help="orders per request")
    parser.add_argument("--files", type=int, nargs="*", default=[10, 50], help="documents per file")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    wanted = parser.parse_args()
    load = psutil.getloadavg()[0]
    numbers = itertools.count()
    single = Kind(
        "X12 documents, one per request", 1, wanted.clients, lambda api: _file(api, numbers, 1)
    )
    kinds = [
        Kind(
            f"orders, {wanted.batch} per request",
            wanted.batch,
            wanted.senders,
            lambda api: _batch(api, numbers, wanted.batch),
        ),
        single,
        *(
            Kind(
                f"X12 documents, {size} per request",
                size,
                wanted.senders,
                functools.partial(_file, numbers=numbers, size=size),
            )
            for size in wanted.files
        ),
    ]
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as directory:
        data_dir = Path(directory)
        async with running_installation(data_dir, "amqtt") as (supervisor, addresses):
            token = token_of(data_dir, role="admin", subject="bench")
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=addresses.http_url, headers=headers) as api:
                await _furnish(api)
            figures = [
                await _measure(kind, addresses.http_url, token, supervisor, wanted.seconds)
                for kind in kinds
            ]
    for one in figures:
        print(
            f"{one.what}, {one.clients} clients: {one.per_second:.0f}/s"
            f" ({one.count} in {one.seconds:.1f} s), {one.cpu_ms_each:.2f} ms CPU each"
            f" ({one.api_cpu_ms_each:.2f} the API), request p50 {one.p50_ms:.0f} ms,"
            f" p99 {one.p99_ms:.0f} ms; generator {100 * one.generator_share:.0f} % of a core"
        )
    if wanted.json is not None:
        told = {
            "cores": psutil.cpu_count(),
            "load_before": load,
            "figures": msgspec.to_builtins(figures),
        }
        wanted.json.write_text(json.dumps(told, indent=1) + "\n")


async def _measure(
    kind: Kind, url: str, token: str, supervisor: psutil.Process, for_seconds: float
) -> Figures:
    api = _api(supervisor)
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(url, token)) for _ in range(kind.clients)]
        await asyncio.gather(*map(kind.send, clients))  # plans are cached, connections are open
        times: list[float] = []
        before = cpu_seconds(supervisor), cpu_seconds(api), time.process_time()
        began = time.monotonic()
        end = began + for_seconds

        async def work(client: Client) -> None:
            while time.monotonic() < end:
                sent = time.monotonic()
                await kind.send(client)
                times.append(time.monotonic() - sent)

        await asyncio.gather(*map(work, clients))
        seconds = time.monotonic() - began
        after = cpu_seconds(supervisor), cpu_seconds(api), time.process_time()
    count = len(times) * kind.each
    times.sort()
    return Figures(
        what=kind.what,
        clients=kind.clients,
        count=count,
        seconds=seconds,
        per_second=count / seconds,
        cpu_ms_each=1000 * (after[0] - before[0]) / count,
        api_cpu_ms_each=1000 * (after[1] - before[1]) / count,
        generator_share=(after[2] - before[2]) / seconds,
        p50_ms=1000 * times[len(times) // 2],
        p99_ms=1000 * times[int(len(times) * 0.99)],
    )


def _api(supervisor: psutil.Process) -> psutil.Process:
    """The process that answers requests."""
    for one in supervisor.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "api" in one.cmdline():
                return one
    raise RuntimeError("there is no process of the API below `gemba up`")


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


async def _batch(api: Client, numbers: Iterator[int], size: int) -> None:
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
    body = msgspec.json.encode({"orders": orders})
    answer = await api.post("/v1/orders/batch", body, "application/json")
    if msgspec.json.decode(answer, type=_Batch).created != size:
        raise RuntimeError(f"not all orders were taken in: {answer[:500]!r}")


async def _file(api: Client, numbers: Iterator[int], size: int) -> None:
    chosen = list(itertools.islice(numbers, size))
    control = f"{chosen[0] % 10**9:09d}"
    sets = [_purchase_order(number, place + 1) for place, number in enumerate(chosen)]
    content = (
        "ISA*00*          *00*          *01*000123456      *ZZ*GEMBA          *261120*1030*U*00401"
        f"*{control}*0*P*>~GS*PO*000123456*GEMBA*20261120*1030*{chosen[0]}*X*004010~"
        + "".join(sets)
        + f"GE*{size}*{chosen[0]}~IEA*1*{control}~"
    )
    answer = await api.post("/v1/intake/x12", content.encode(), "application/EDI-X12")
    documents = msgspec.json.decode(answer, type=_Intake).documents
    if any(one.outcome != "created" for one in documents):
        raise RuntimeError(f"not all documents were taken in: {answer[:500]!r}")


def _purchase_order(number: int, place: int) -> str:
    return (
        f"ST*850*{place:04d}~BEG*00*SA*PO-{number}**20261120~CUR*BY*EUR~"
        f"N1*BY*Customer*92*C{number % CUSTOMERS}~"
        f"PO1*1*{1 + number % 97}*EA*3.25**VP*I{number % ITEMS}~DTM*002*20991231~"
        f"PO1*2*5*EA*1.5**VP*I{(number + 1) % ITEMS}~CTT*2~SE*9*{place:04d}~"
    )


if __name__ == "__main__":
    asyncio.run(main())
