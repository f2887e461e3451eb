"""The words of a letter: those that people put in force, or the built-in ones where these fail."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

import msgspec

from domain.notification.filling import MissingValueError, TextError
from domain.notification.letters import Composed, Letter, Rendered
from domain.notification.rendering import render
from domain.notification.template_kinds import TEMPLATES
from domain.notification.templates import LANGUAGES, Words
from notify.courier_ports import LetterError
from store.database import Pool
from store.notification import templates
from store.notification.templates import StoredWords

_log = logging.getLogger(__name__)

_FAILURES: Final = (MissingValueError, TextError, msgspec.ValidationError)


class Writer:
    """Writes letters.

    Args:
        pool: where people's own words are.
        public_url: how the pages are reached; empty: letters have no links.

    Attributes:
        fallbacks: how often the built-in words had to do.
    """

    def __init__(self, pool: Pool, public_url: str) -> None:
        self._pool = pool
        self._public_url = public_url
        self._own: dict[tuple[str, str], StoredWords] = {}
        self.fallbacks = 0

    async def refresh(self) -> None:
        """Read which words are in force."""
        async with self._pool.connection() as connection:
            self._own = await templates.in_force(connection)

    async def write(self, letter: Letter, composed: Composed, *, now: datetime) -> Rendered:
        """A letter in words.

        Raises:
            LetterError: not even the built-in words can say it.
        """
        kind = TEMPLATES.get(composed.template)
        if kind is None:
            raise LetterError(f"there is no template {composed.template!r}")
        language = letter.language if letter.language in LANGUAGES else "en"
        own = self._own.get((kind.name, language))
        note = None
        if own is not None and own.words is not None:
            try:
                words = msgspec.convert(own.words, Words)
                return self._render(letter, composed, words, language)
            except _FAILURES as error:
                note = (
                    f"version {own.version} of the words of {kind.name} ({language}) cannot be"
                    f" used: {error}; the built-in words were sent"
                )
                await self._note(own, str(error), now)
        try:
            rendered = self._render(letter, composed, kind.words[language], language)
        except _FAILURES as error:
            raise LetterError(f"{kind.name} ({language}): {error}") from error
        return msgspec.structs.replace(rendered, note=note)

    def _render(self, letter: Letter, composed: Composed, words: Words, language: str) -> Rendered:
        return render(
            composed,
            words,
            language=language,
            priority=letter.priority,
            public_url=self._public_url,
        )

    async def _note(self, own: StoredWords, problem: str, now: datetime) -> None:
        self.fallbacks += 1
        _log.warning(
            "version %d of the words of %s (%s) cannot be used: %s; the built-in words are sent",
            own.version, own.name, own.language, problem,
        )  # fmt: skip
        async with self._pool.connection() as connection, connection.transaction():
            await templates.note_failed(
                connection, own.name, own.language, own.version, problem=problem, now=now
            )
