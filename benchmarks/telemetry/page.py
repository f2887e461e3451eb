"""The tables in the pages on sizing, put there by the benchmark between two marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.telemetry.report import Results, table

BEGIN: Final = "<!-- measured: python -m benchmarks.telemetry --pages writes from here -->"
END: Final = "<!-- measured: to here -->"

PAGES: Final[Mapping[str, str]] = {"sizing.md": "en", "sizing.zh-CN.md": "zh"}

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {},
    "zh": {
        "system": "系统",
        "messages": "消息",
        "single": "单条",
        "array": "每条 20 个",
        "messages/s": "消息/秒",
        "samples/s": "样本/秒",
        "CPU s per 1,000 messages": "每千条消息的 CPU 秒",
        "publish → row p50 / p99 ms": "发布 → 入库 p50 / p99 毫秒",
        "lost / doubled": "丢失 / 重复",
        "machines": "机器",
        "sites": "工厂",
        "cores": "核",
        "p99 ms": "p99 毫秒",
        "what": "内容",
        "bytes a sample": "每样本字节",
        "GiB a day at 1,000 samples/s": "1,000 样本/秒时每天 GiB",
        "run": "运行",
        "minutes": "分钟",
        "memory, % an hour": "内存，%/小时",
        "Highest rates": "最高速率",
        "Long runs": "长时间运行",
        "Cost by machines, sites and rate": "随机器、工厂和速率变化的开销",
        "Disk": "磁盘",
    },
}


def write_pages(results: Results, folder: Path) -> list[Path]:
    """Put the measured tables into the pages; answers which were written.

    Raises:
        ValueError: a page lacks its marks.
    """
    written = []
    for name, language in PAGES.items():
        path = folder / name
        text = path.read_text(encoding="utf-8")
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"{path} lacks the marks between which tables are put")
        tables = "\n".join(_tables(results, _WORDS[language]))
        path.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}", encoding="utf-8")
        written.append(path)
    return written


def _tables(results: Results, words: Mapping[str, str]) -> list[str]:
    def said(word: str) -> str:
        return words.get(word, word)

    def section(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        if not rows:
            return []
        return [f"### {said(title)}", "", *table([said(head) for head in heads], rows), ""]

    told = [", ".join(results.machine.values()), ""]
    told += section(
        "Highest rates",
        (
            "system",
            "messages",
            "messages/s",
            "samples/s",
            "CPU s per 1,000 messages",
            "publish → row p50 / p99 ms",
            "lost / doubled",
        ),
        [
            (
                one.system,
                said(one.mode),
                f"{one.messages_per_s:,.0f}",
                f"{one.samples_per_s:,.0f}",
                f"{one.cpu_s_per_1000_messages:.3f}",
                f"{one.latency_p50_ms or 0:,.0f} / {one.latency_p99_ms or 0:,.0f}",
                f"{one.lost} / {one.doubled}",
            )
            for one in results.summaries
        ],
    )
    told += section(
        "Long runs",
        ("run", "minutes", "samples/s", "lost / doubled", "cores", "memory, % an hour"),
        [
            (
                name,
                f"{one.step.seconds / 60:,.0f}",
                f"{one.step.rate * one.step.array:,.0f}",
                f"{one.lost} / {one.doubled}",
                f"{one.step.cores_busy:.2f}",
                f"{one.memory['all'].slope_percent_per_hour}",
            )
            for runs in (results.sustained, results.soak)
            for name, one in runs.items()
        ],
    )
    for name, sizing in results.sizing.items():
        processes = list(dict.fromkeys(p for case in sizing.cases for p in case.step.cpu_s))
        told += [f"`{name}`", ""]
        told += section(
            "Cost by machines, sites and rate",
            ("machines", "sites", "samples/s", "cores", "p99 ms", *processes),
            [
                (
                    f"{case.machines:,}",
                    f"{case.sites}",
                    f"{case.step.rate:,.0f}",
                    f"{case.step.cores_busy:.2f}",
                    f"{(case.step.latency_p99_s or 0) * 1_000:,.0f}",
                    *(f"{case.step.cpu_s.get(p, 0) / case.step.seconds:.2f}" for p in processes),
                )
                for case in sizing.cases
            ],
        )
        told += section(
            "Disk",
            ("what", "bytes a sample", "GiB a day at 1,000 samples/s"),
            [
                (what, f"{size:,.1f}", f"{sizing.disk.gib_per_day_at_1000[what]:,.1f}")
                for what, size in sizing.disk.bytes_per_sample.items()
            ],
        )
    return told
