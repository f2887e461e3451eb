"""A plant whose partitions two workers share, and what must come of it whoever handles what.

Workers read the embedded log's tables as a consumer group on Kafka reads its topics: each its
partition numbers of every topic, at least once, and a partition may go to the other worker while a
batch of it is being handled.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from contracts.ids import EpochMs, SiteCode
from contracts.streams import (
    GOODS,
    OPERATIONS,
    ORDERS,
    PARTITIONS,
    PROGRESS,
    TELEMETRY,
    TOPICS,
    WAREHOUSE,
    Arrival,
    Bundle,
    OrderEvent,
    encode_bundle,
    encode_events,
)
from contracts.topics import partition_key, partition_of
from runtime.clock import SystemClock
from runtime.settings import StreamsSettings
from store.database import Pool, build_pool
from store.log import NewRecord
from store.log.embedded import EmbeddedLog, TopicPartition
from store.log.outbox import AnyHeaders
from streams.consumption import Fenced, Message
from streams.planning.changes import OrderChanges
from streams.progress import RollUpAgent
from streams.telemetry import TelemetryAgent
from streams.warehouse import WarehouseAgent

SITE = "plant-c"
T0 = 1_772_431_200_000
MACHINES = 12
GATES = 4
ORDER_COUNT = 4
UNPLANNED = 4
"""Work orders that only the floor names, each of two operations."""
PATIENCE_S = 60.0


class Handler(Protocol):
    """An agent, as the engine uses it."""

    async def on_assigned(self, topic: str, partition: int) -> None: ...

    async def handle(self, batch: Sequence[Message]) -> object: ...


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: float = T0 / 1000
    headers: AnyHeaders = None


@dataclass
class Expected:
    """What the messages mean, counted by hand."""

    good: Counter[tuple[str, int]] = field(default_factory=Counter)
    scrap: Counter[tuple[str, int]] = field(default_factory=Counter)
    runs: Counter[tuple[str, int]] = field(default_factory=Counter)
    named: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    """The first to name each work order: when, which machine, as which source."""
    moves: int = 0

    def started(self, key: tuple[str, int], at: tuple[int, str, str]) -> None:
        self.runs[key] += 1
        self.named[key[0]] = min(self.named.get(key[0], at), at)


def operations() -> list[tuple[str, int]]:
    return [(f"U-{number}", step) for number in range(UNPLANNED) for step in (10, 20)] + [
        (f"P-{number}", 10) for number in range(ORDER_COUNT)
    ]


def machine_messages(
    chance: random.Random, path: str, count: int, expected: Expected
) -> list[tuple[str, bytes]]:
    """What one machine says: it works on one operation after the other."""
    source = f"ctl-{path[-3:]}"
    messages = []
    current: tuple[str, int] | None = None
    t_ms = T0 + chance.randrange(60_000)
    for seq in range(count):
        t_ms += chance.randrange(1, 5_000)
        body: dict[str, Any] = {"t": t_ms, "source": source, "boot": "b", "seq": seq}
        if current is None or chance.random() < 0.15:
            current = chance.choice(operations())
            body |= {"event": "started", "work_order": current[0], "operation": current[1]}
            body["requested"] = 500 + current[1]
            expected.started(current, (t_ms, path, source))
            kind = "job"
        else:
            good, scrap = chance.randrange(1, 5), chance.randrange(3)
            body |= {"good": good, "scrap": scrap}
            expected.good[current] += good
            expected.scrap[current] += scrap
            kind = "count"
        messages.append((f"gemba/v1/{path}/{kind}", json.dumps(body).encode()))
    return messages


def gate_messages(
    chance: random.Random, path: str, count: int, expected: Expected
) -> list[tuple[str, bytes]]:
    """What a scanner at a gate says: pieces of orders picked, packed, shipped."""
    messages = []
    for seq in range(count):
        body = {
            "t": T0 + seq * 20_000 + chance.randrange(10_000),
            "boot": "b",
            "seq": seq,
            "event": chance.choice(["picked", "packed", "shipped"]),
            "item": "A",
            "quantity": chance.randrange(1, 5),
            "order": f"SO-{chance.randrange(ORDER_COUNT)}",
        }
        expected.moves += 1
        messages.append((f"gemba/v1/{path}/move", json.dumps(body).encode()))
    return messages


class Bundles:
    """Messages in bundles, out of order by a little, some of them twice."""

    def __init__(
        self,
        chance: random.Random,
        messages: Sequence[list[tuple[str, bytes]]],
        *,
        repeats: bool = True,
    ) -> None:
        self._chance = chance
        self._arrivals = 0
        self._gateway = "gateway-c" if repeats else f"gateway-{chance.random()}"
        late = [
            (place + chance.random() * 12 * (chance.random() < 0.3), topic, payload)
            for some in messages
            for place, (topic, payload) in enumerate(some)
        ]
        late += [
            (place + chance.random() * 20, topic, payload)
            for place, topic, payload in late
            if repeats and chance.random() < 0.1
        ]
        self._left = [(topic, payload) for _, topic, payload in sorted(late)]

    @property
    def arrivals(self) -> int:
        """How many messages were taken so far."""
        return self._arrivals

    def take(self, count: int) -> list[NewRecord]:
        """The next so many messages, as records; empty in the end."""
        some, self._left = self._left[:count], self._left[count:]
        grouped: dict[tuple[str, int], list[tuple[str, bytes]]] = defaultdict(list)
        for topic, payload in some:
            log_topic = WAREHOUSE if topic.endswith("/move") else TELEMETRY
            partition = partition_of(partition_key(topic), PARTITIONS)
            grouped[log_topic, partition].append((topic, payload))
        return [NewRecord(*at, None, self._bundle(each)) for at, each in grouped.items()]

    def _bundle(self, messages: list[tuple[str, bytes]]) -> bytes:
        topics = sorted({topic for topic, _ in messages})
        arrivals = []
        for topic, payload in messages:
            self._arrivals += 1
            place = topics.index(topic)
            received = EpochMs(T0 + 10**9)
            arrivals.append(Arrival(self._arrivals, place, received, payload, len(payload)))
        return encode_bundle(Bundle(self._gateway, topics, arrivals))


class Worker:
    """A worker's agents over a pool of its own."""

    def __init__(self, pool: Pool, log: EmbeddedLog) -> None:
        clock = SystemClock()
        self.log = log

        def changed(site: str, order_id: int) -> None:
            del site, order_id

        self.telemetry = TelemetryAgent(pool=pool, log=log, settings=StreamsSettings())
        self.progress = RollUpAgent(pool=pool, log=log, clock=clock, on_changed=changed)
        self.warehouse = WarehouseAgent(pool=pool, log=log, clock=clock, on_changed=changed)
        self.planning = OrderChanges(pool=pool, log=log)
        self.lanes: dict[int, list[asyncio.Task[None]]] = defaultdict(list)

    @property
    def readers(self) -> list[tuple[str, Handler, str]]:
        """Every agent with every topic it reads."""
        named: list[tuple[str, Handler, tuple[str, ...]]] = [
            ("telemetry", self.telemetry, (TELEMETRY, OPERATIONS, WAREHOUSE)),
            ("progress", self.progress, (PROGRESS, ORDERS)),
            ("warehouse", self.warehouse, (GOODS, ORDERS)),
            ("planning", self.planning, (ORDERS,)),
        ]
        return [(name, agent, topic) for name, agent, topics in named for topic in topics]


class Plant:
    """Two workers, the log between them, and who has which partition."""

    def __init__(self, pool: Pool, workers: Sequence[Worker], chance: random.Random) -> None:
        self.pool = pool
        self.log = EmbeddedLog(pool)
        self.workers = workers
        self.owner: dict[int, Worker] = {}
        self.acknowledged: dict[tuple[str, str, int], int] = {}
        self.failures: Counter[str] = Counter()
        self.fenced = 0
        self.behind: list[tuple[str, str, int]] = []
        self.heads: dict[tuple[str, int], int] = {}
        self._chance = chance

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, chance: random.Random) -> AsyncIterator[Plant]:
        async with (
            build_pool(url, name="plant", max_size=4) as pool,
            build_pool(url, name="streams-one", max_size=6) as one,
            build_pool(url, name="streams-two", max_size=6) as two,
        ):
            plant = cls(pool, [Worker(each, EmbeddedLog(each)) for each in (one, two)], chance)
            await plant.log.create_topics(TOPICS, PARTITIONS)
            looking = asyncio.create_task(plant.look())
            try:
                yield plant
            finally:
                looking.cancel()
                await asyncio.wait({looking})
                for worker in plant.workers:
                    for partition in range(PARTITIONS):
                        await plant.drop(worker, partition)

    async def look(self) -> None:
        """See for all lanes how far the log goes."""
        while True:
            extents = await self.log.extents(TOPICS)
            self.heads = {(at.topic, at.partition): one.head for at, one in extents.items()}
            await asyncio.sleep(0.02)

    async def query(self, statement: Any, values: Any = ()) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def orders(self) -> None:
        """Orders with a planned work order each; the first is for two of them."""
        await self.query(
            """
            WITH site AS (INSERT INTO sites (code, name) VALUES (%(site)s, 'Plant') RETURNING id),
            customer AS (INSERT INTO customers (code, name) VALUES ('acme', 'A') RETURNING id),
            item AS (INSERT INTO items (code, name) VALUES ('A', 'A') RETURNING id),
            made AS (
                INSERT INTO orders (site_id, customer_id, number)
                SELECT site.id, customer.id, 'SO-' || n
                FROM site, customer, generate_series(0, %(last)s) n RETURNING id, number),
            lines AS (
                INSERT INTO order_lines (order_id, number, item_id, quantity, unit, state)
                SELECT made.id, 1, item.id, 120, 'pcs', 'released' FROM made, item
                RETURNING id, order_id),
            works AS (
                INSERT INTO work_orders (site_id, number, planned)
                SELECT site.id, 'P-' || n, true FROM site, generate_series(0, %(last)s) n
                RETURNING id, number),
            steps AS (
                INSERT INTO operations (work_order_id, number, name, planned)
                SELECT id, 10, 'Cut', true FROM works)
            INSERT INTO pegs (order_line_id, work_order_id, quantity)
            SELECT lines.id, works.id, 120 FROM lines JOIN made ON made.id = lines.order_id, works
            WHERE right(made.number, 1) = right(works.number, 1)
                OR (made.number = 'SO-1' AND works.number = 'P-0')
            """,
            {"site": SITE, "last": ORDER_COUNT - 1},
        )

    topics = (TELEMETRY, PROGRESS, GOODS)

    def unreadable(self, topic: str, partition: int) -> NewRecord:
        """A record that is none."""
        return NewRecord(topic, partition, None, b"\xff")

    async def tell_order(self) -> None:
        """An order was changed: its roll-up, its shipments and its plan are looked at again."""
        ids = await self.query("SELECT id FROM orders ORDER BY id")
        order_id = self._chance.choice(ids)[0]
        event = OrderEvent(
            SiteCode(SITE), "OrderChanged", order_id, [], self._chance.randrange(9), EpochMs(T0)
        )
        partition = partition_of(str(order_id), PARTITIONS)
        await self.log.append([NewRecord(ORDERS, partition, None, encode_events([event]))])

    # Who handles what ---------------------------------------------------------------------------

    async def give(self, partition: int, worker: Worker) -> None:
        """A partition number is this worker's; whoever had it is not asked."""
        await self.drop(worker, partition)
        self.owner[partition] = worker
        worker.lanes[partition] = [
            asyncio.create_task(self._lane(worker, name, agent, topic, partition))
            for name, agent, topic in worker.readers
        ]

    async def move(self) -> None:
        """A partition number goes to the other worker, in the middle of whatever is being done."""
        partition = self._chance.randrange(PARTITIONS)
        one, other = self.workers
        await self.give(partition, other if self.owner[partition] is one else one)

    async def drop(self, worker: Worker, partition: int) -> None:
        """A worker stops handling a partition, in the middle of a batch."""
        lanes = {lane for lane in worker.lanes.pop(partition, []) if not lane.done()}
        while lanes:
            for lane in lanes:
                lane.cancel()  # once is not enough: `asyncio.wait_for` of Python 3.11 may lose it
            done, lanes = await asyncio.wait(lanes, timeout=0.2)
            for lane in done:
                if not lane.cancelled() and lane.exception() is not None:
                    raise RuntimeError("a lane failed") from lane.exception()

    async def _lane(
        self, worker: Worker, name: str, agent: Handler, topic: str, partition: int
    ) -> None:
        key = (name, topic, partition)
        await self._surely(lambda: agent.on_assigned(topic, partition))
        # At least once: some of what was handled comes again.
        offset = max(0, self.acknowledged.get(key, 0) - self._chance.randrange(4))
        while True:
            if self.heads.get((topic, partition), 0) <= offset:
                await asyncio.sleep(0.02)
                continue
            found = await self.log.read(
                topic,
                partition,
                offset,
                limit_records=self._chance.randrange(1, 7),
                limit_bytes=1_000_000,
            )
            batch = [Record(topic, partition, one.offset, one.value) for one in found]
            try:
                await self._surely(lambda batch=batch: agent.handle(batch))
            except Fenced:
                self.fenced += 1
                await asyncio.sleep(0.3)
                if self.owner[partition] is not worker:
                    return
                # The one before took over late: whoever really has the partition joins again.
                await self._surely(lambda: agent.on_assigned(topic, partition))
                continue
            offset = batch[-1].offset + 1
            if self.owner[partition] is worker:
                self.acknowledged[key] = offset

    async def _surely(self, call: Any) -> None:
        """As `streams.consumption` does: whatever it is but a fence, it is tried again."""
        while True:
            try:
                await call()
            except Fenced:
                raise
            except Exception as error:  # noqa: BLE001 - counted, and judged by the test
                self.failures[type(error).__name__] += 1
                await asyncio.sleep(0.02)
            else:
                return

    async def settled(self) -> None:
        """Wait until every agent has handled all that the log holds."""
        try:
            self.behind = await self._behind()
            await asyncio.wait_for(self._until_settled(), PATIENCE_S)
        except TimeoutError:
            raise AssertionError(f"{self.behind} are behind; failed: {self.failures}") from None

    async def _until_settled(self) -> None:
        while self.behind:
            await asyncio.sleep(0.05)
            self.behind = await self._behind()

    async def _behind(self) -> list[tuple[str, str, int]]:
        """Who has something left to handle: agent, topic, partition."""
        extents = await self.log.extents(TOPICS)
        return [
            (name, topic, partition)
            for name, _, topic in self.workers[0].readers
            for partition in range(PARTITIONS)
            if self.acknowledged.get((name, topic, partition), 0)
            < extents[TopicPartition(topic, partition)].head
        ]
