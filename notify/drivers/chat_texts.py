"""What a robot says, cut to what its chat takes."""

from __future__ import annotations

from typing import Final

from domain.notification.letters import Rendered

_MORE: Final = "…"
_OPEN: Final = {"en": "Open", "zh-CN": "查看"}
# Marks that would name people or make links: what operators write is shown, not obeyed.
_MARKS: Final = str.maketrans({"<": "＜", ">": "＞", "[": "［", "]": "］"})


def cut(text: str, most_bytes: int) -> str:
    """A text of at most so many bytes of UTF-8, between two characters."""
    encoded = text.encode()
    if len(encoded) <= most_bytes:
        return text
    kept = encoded[: most_bytes - len(_MORE.encode())]
    return kept.decode(errors="ignore") + _MORE


def plain(text: str) -> str:
    """A text without marks of Markdown that do something."""
    return text.translate(_MARKS)


def body_of(rendered: Rendered) -> str:
    """The text without the link, which has its own place."""
    text = rendered.text
    if rendered.link:
        text = text.replace(rendered.link, "")
    return text.strip()


def open_words(rendered: Rendered) -> str:
    """What a link is called."""
    return _OPEN.get(rendered.language, _OPEN["en"])


def markdown_of(rendered: Rendered, most_bytes: int) -> str:
    """Subject, text and link as Markdown of chats; the text gives way to the rest."""
    head = f"**{plain(rendered.subject)}**\n"
    tail = f"\n[{open_words(rendered)}]({rendered.link})" if rendered.link else ""
    room = max(most_bytes - len(head.encode()) - len(tail.encode()), len(_MORE.encode()))
    return head + cut(plain(body_of(rendered)), room) + tail
