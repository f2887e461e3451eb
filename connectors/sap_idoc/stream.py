"""IDocs out of XML, one at a time, from bytes that nobody vouches for.

defusedxml's parser forbids document types, and with them every entity. What is built is one IDoc's
known segments; everything else is counted and passed over, so that memory follows the largest IDoc
and not the file. Depth, elements and texts are limited.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from connectors.sap_idoc.segments import FIELDS, SEGMENTS
from connectors.texts import clean

MAX_TEXT_CHARACTERS: Final = 65_536
"""The longest field of these segments has 70 characters (TDLINE); 255 in extensions."""
MAX_ELEMENTS: Final = 1_000_000
_CHUNK: Final = 65_536

_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_EXPAT_READS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_WE_READ = re.compile(
    r"iso-?8859-\d{1,2}|latin-?1|windows-125\d|cp125\d|gb2312|gbk|gb18030|big5|shift[_-]jis"
    r"|euc-(?:jp|kr|cn)|koi8-[ru]|utf-16(?:le|be)?"
)


class Node(msgspec.Struct):
    """A segment: its fields by name, and the segments below it in the order of the document.

    `place` is where it stands: `/ORDERS05/IDOC/E1EDP01[2]`.
    """

    tag: str
    place: str
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    children: list[Node] = msgspec.field(default_factory=list)

    def field(self, name: str) -> str:
        """A field without blanks around it; "": it is empty or missing."""
        return self.fields.get(name, "")

    def all(self, tag: str) -> list[Node]:
        """The segments of a type directly below."""
        return [child for child in self.children if child.tag == tag]

    def first(self, tag: str) -> Node | None:
        """The first segment of a type directly below."""
        return next((child for child in self.children if child.tag == tag), None)


class Refused(Exception):  # noqa: N818 - it is an outcome, caught where the file is read
    """The file cannot be read: why, and where."""

    def __init__(self, code: str, problem: str, place: str, value: str | None = None) -> None:
        super().__init__(problem)
        self.code = code
        self.problem = problem
        self.place = place
        self.value = value


class Idocs:
    """What the parser tells (`start`, `data`, `end`), gathered into IDocs."""

    def __init__(self, max_depth: int) -> None:
        self.root = ""
        self.ready: list[Node] = []
        self.passed_over: Counter[str] = Counter()
        self._max_depth = max_depth
        self._elements = 0
        self._idocs = 0
        self._names: list[str] = []
        self._open: list[Node | None] = []
        self._seen: list[Counter[str]] = []
        self._field = ""
        self._text: list[str] = []
        self._characters = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        del attributes
        name = tag.rpartition("}")[2]
        self._elements += 1
        if len(self._names) >= self._max_depth:
            raise Refused(
                "too_deep",
                f"elements are nested more than {self._max_depth} deep; an IDoc needs 8",
                self.place(),
            )
        if self._elements > MAX_ELEMENTS:
            raise Refused(
                "too_many_elements", f"there are more than {MAX_ELEMENTS} elements", self.place()
            )
        parent = self._open[-1] if self._open else None
        depth = len(self._names)
        self._names.append(name)
        self._field = ""
        self._text = []
        self._characters = 0
        if depth == 0:
            self.root = name
        if depth == 1 and name == "IDOC":
            self._idocs += 1
            number = f"[{self._idocs}]" if self._idocs > 1 else ""
            self._push(Node(tag="IDOC", place=f"/{self.root}/IDOC{number}"))
        elif parent is not None and name in SEGMENTS:
            self._push(Node(tag=name, place=f"{parent.place}/{self._numbered(name)}"))
        else:
            self._push(None)
            if parent is not None:
                self._field = name if name in FIELDS else ""
                if name.startswith(("E1", "Z1")):
                    self.passed_over[name] += 1

    def _numbered(self, name: str) -> str:
        self._seen[-1][name] += 1
        return f"{name}[{self._seen[-1][name]}]" if SEGMENTS[name].repeats else name

    def _push(self, node: Node | None) -> None:
        self._open.append(node)
        self._seen.append(Counter())

    def data(self, text: str) -> None:
        """A part of an element's text."""
        self._characters += len(text)
        if self._characters > MAX_TEXT_CHARACTERS:
            raise Refused(
                "text_too_long",
                f"a text has more than {MAX_TEXT_CHARACTERS} characters",
                self.place(),
                "".join(self._text)[:200],
            )
        if self._field:
            self._text.append(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        del tag
        name = self._names.pop()
        node = self._open.pop()
        self._seen.pop()
        parent = self._open[-1] if self._open else None
        if node is None:
            if parent is not None and self._field == name:
                parent.fields.setdefault(name, clean("".join(self._text)).strip())
        elif parent is None:
            self.ready.append(node)
        else:
            parent.children.append(node)
        self._field = ""
        self._text = []
        self._characters = 0

    def place(self) -> str:
        """Where the parser stands."""
        inner = next((node.place for node in reversed(self._open) if node is not None), None)
        return inner or "/" + "/".join(self._names[:8])

    def close(self) -> None:
        """The document has ended."""


def idocs(content: bytes, gathered: Idocs) -> Iterator[Node]:
    """The IDocs of a file, each as soon as it is complete.

    Raises:
        Refused: it is no well-formed XML, says more than it may, or is too much.
    """
    text = _utf8(content)
    parser = DefusedXMLParser(
        target=gathered,
        encoding="utf-8",
        forbid_dtd=True,
        forbid_entities=True,
        forbid_external=True,
    )
    for start in range(0, len(text), _CHUNK):
        _feed(parser, text[start : start + _CHUNK])
        yield from gathered.ready
        gathered.ready.clear()
    _feed(parser, None)
    yield from gathered.ready


def _feed(parser: DefusedXMLParser, chunk: bytes | None) -> None:
    try:
        if chunk is None:
            parser.close()
        else:
            parser.feed(chunk)
    except DefusedXmlException as forbidden:
        raise Refused(
            "doctype_forbidden",
            "the document has a document type or declares entities; IDocs have neither, and both"
            " can be made to read other files or to grow without limit: send it without",
            "before the first element",
            type(forbidden).__name__,
        ) from forbidden
    except ParseError as fault:
        line, column = fault.position
        raise Refused(
            "not_well_formed",
            f"the XML cannot be read: {fault.msg}; nothing of the file was taken in",
            f"line {line}, column {column + 1}",
        ) from fault


def _utf8(content: bytes) -> bytes:
    """The document in UTF-8, whatever it declares; without blank lines before it."""
    content = content.lstrip(b" \t\r\n")
    encoding = _declared(content)
    if encoding in _EXPAT_READS:
        return content
    if not _WE_READ.fullmatch(encoding):
        raise Refused(
            "encoding_unknown",
            f"the encoding {encoding!r} is none that is read here; send UTF-8",
            "line 1",
            encoding,
        )
    try:
        # What was declared as GB 2312 is in truth its superset nearly always.
        name = "gb18030" if encoding in {"gb2312", "gbk"} else encoding
        return content.decode(name).encode("utf-8")
    except (UnicodeError, LookupError) as fault:
        raise Refused(
            "encoding_wrong",
            f"the bytes are not {encoding} as the document says: {fault}",
            "line 1",
            encoding,
        ) from fault


def _declared(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if content.startswith(b"<\x00"):
        return "utf-16le"
    if content.startswith(b"\x00<"):
        return "utf-16be"
    found = _DECLARED.search(content[:1024])
    declared = found.group(1).decode("ascii").lower() if found else "utf-8"
    # A declaration that can be read byte by byte is not in UTF-16, whatever it says.
    return "utf-8" if declared.startswith("utf-16") else declared
