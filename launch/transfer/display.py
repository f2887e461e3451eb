"""What a person sees of a move while it goes on."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from store.transfer import copying

_MEGABYTE = 1_000_000


class MoveDisplay:
    """A bar for each step, on standard error; only lines where that is no terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """A step begins."""
        self._progress.console.print(text, markup=False, highlight=False)

    def copied(self, at: copying.Progress) -> None:
        """So far the copying has come."""
        note = f"{at.table}: {at.bytes_done / _MEGABYTE:,.1f} MB"
        self.step("Tables", at.number, at.tables, note)

    def step(self, name: str, done: int, of: int, note: str = "") -> None:
        """So far a step has come."""
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=of, note=note)
        self._progress.update(self._bars[name], completed=done, total=of, note=note)
