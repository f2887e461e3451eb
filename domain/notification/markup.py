"""Pages of mails: which marks people may write into a template, and the frame around them.

Styles stand in the elements because most readers of mail drop others; the dark ones are a rule,
for those who know them. Nothing is loaded from anywhere.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from typing import Final

_TAGS: Final = frozenset(
    (
        *("a", "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "hr", "i"),
        *("li", "ol", "p", "pre", "small", "span", "strong", "table", "tbody", "td", "th"),
        *("thead", "tr", "u", "ul"),
    )
)
_SINGLE: Final = frozenset(("br", "hr"))
_ATTRIBUTES: Final = {"a": frozenset(("href",)), "td": frozenset(("colspan",))}
_SCHEMES: Final = ("https://", "http://", "mailto:", "{link}")
_COLOURS: Final = {"critical": "#b3261e", "high": "#c4570b", "medium": "#8a6d00", "low": "#3b6ea5"}
_DARK: Final = (
    "@media (prefers-color-scheme: dark){.page{background:#14171a!important}"
    ".card{background:#1f2428!important;color:#e6e8ea!important;border-color:#3a4046!important}"
    ".quiet{color:#a9b0b7!important}.card a{color:#8ab8f0!important}"
    ".button{background:#8ab8f0!important;color:#10151a!important}}"
)


def faults_of_markup(text: str) -> list[str]:
    """What may not stand in a template's page, in words; nothing: it is fine."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.faults.extend(f"<{name}> is not closed" for name in reversed(reader.open))
    return reader.faults


class _Reader(HTMLParser):
    """Looks at each element."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        if tag not in _TAGS:
            self.faults.append(f"<{tag}> is not allowed; there are {', '.join(sorted(_TAGS))}")
            return
        for name, value in attrs:
            if name not in _ATTRIBUTES.get(tag, ()):
                self.faults.append(f"<{tag} {name}=…> is not allowed")
            elif name == "href" and not (value or "").strip().lower().startswith(_SCHEMES):
                self.faults.append(
                    f"<a href={value!r}> has to be https://…, http://…, mailto:… or {{link}}"
                )
        if tag not in _SINGLE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        if tag in _SINGLE or tag not in _TAGS:
            return
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_comment(self, data: str) -> None:
        """A comment, which some readers of mail take for a condition."""
        del data
        self.faults.append("comments are not allowed")

    def handle_decl(self, decl: str) -> None:
        """A declaration."""
        self.faults.append(f"<!{decl}> is not allowed")

    def unknown_decl(self, data: str) -> None:
        """A marked section."""
        self.faults.append(f"<![{data}]> is not allowed")

    def handle_pi(self, data: str) -> None:
        """A processing instruction."""
        self.faults.append(f"<?{data}> is not allowed")


def escaped(value: str) -> str:
    """A value as it stands in a page; its lines stay lines."""
    return escape(value).replace("\n", "<br>\n")


def paragraphs(text: str) -> str:
    """A plain text as a page: empty lines part paragraphs."""
    blocks = (each.strip("\n") for each in text.strip().split("\n\n"))
    return "\n".join(f'<p style="margin:0 0 12px">{escaped(each)}</p>' for each in blocks if each)


def page(
    body: str, *, title: str, language: str, priority: str, link: str | None, open_words: str
) -> str:
    """A whole page around what a template says.

    Args:
        body: marks, already harmless.
        title: plain text.
        language: of the words.
        priority: colours its edge; words say it too.
        link: where a button leads.
        open_words: what stands on the button.
    """
    colour = _COLOURS.get(priority, _COLOURS["low"])
    button = (
        f'<p style="margin:20px 0 0"><a class="button" href="{escape(link)}" style="display:'
        "inline-block;padding:10px 18px;border-radius:4px;background:#1d5fa8;color:#ffffff;"
        f'text-decoration:none">{escape(open_words)}</a></p>'
        if link
        else ""
    )
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="supported-color-schemes" content="light dark">'
        f"<title>{escape(title)}</title><style>{_DARK}</style></head>\n"
        '<body class="page" style="margin:0;padding:16px;background:#f2f4f6">'
        '<div class="card" style="max-width:560px;margin:0 auto;padding:20px 24px;background:'
        "#ffffff;color:#1b1f23;border:1px solid #d5dadf;border-left:6px solid "
        f"{colour}!important;border-radius:4px;font:15px/1.5 -apple-system,'Segoe UI',Roboto,"
        "'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif\">\n"
        f'<h1 style="margin:0 0 12px;font-size:18px;line-height:1.3">{escape(title)}</h1>\n'
        f"{body}\n{button}</div></body></html>\n"
    )
