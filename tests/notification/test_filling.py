"""Templates: placeholders, sections, what is wrong with words, and how a letter reads."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.notification.filling import (
    MissingValueError,
    TextError,
    filled,
    read_parts,
    slots_of,
)
from domain.notification.letters import Composed
from domain.notification.rendering import render, written
from domain.notification.template_kinds import TEMPLATES
from domain.notification.templates import LANGUAGES, Words, faults_of

ALARM = TEMPLATES["alarm_raised"]
BUILT_IN = [(name, language) for name in sorted(TEMPLATES) for language in LANGUAGES]


class TestFilling:
    """Texts with placeholders."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{a} and {b}", "1 and "),
            ("x[[ ({b})]]y", "xy"),
            ("x[[ ({a})]]y", "x (1)y"),
            ("[[{a}{b}]]", ""),
            ("{{a}} [[[a]]]", "{a} [[a]]"),
            ("{ a }", "1"),
            ("a ] b [ c", "a ] b [ c"),
        ],
    )
    def test_says(self, text: str, said: str) -> None:
        assert filled(read_parts(text), {"a": "1", "b": ""}) == said

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("line\n {", "line 2, column 2: '{' stands alone"),
            ("a}", "'}' stands alone"),
            ("[[ a", "'[[' is not closed"),
            ("a ]]", "']]' stands alone"),
            ("[[a [[b]] ]]", "'[[' stands alone"),
            ("{}", "'{}' is no placeholder"),
            ("{a.b}", "'{a.b}' is no placeholder"),
            ("{0!r}", "'{0!r}' is no placeholder"),
        ],
    )
    def test_refuses(self, text: str, problem: str) -> None:
        with pytest.raises(TextError) as error:
            read_parts(text)
        assert problem in str(error.value)

    def test_a_value_that_is_missing_is_told_by_name(self) -> None:
        with pytest.raises(MissingValueError, match=r"\{c\} has no value"):
            filled(read_parts("[[{b}{c}]]"), {"b": ""})

    @given(st.text(max_size=200), st.text(max_size=20))
    def test_any_text_is_read_or_refused_and_values_stay_what_they_are(
        self, text: str, value: str
    ) -> None:
        try:
            parts = read_parts(text)
        except TextError:
            return
        said = filled(parts, dict.fromkeys(slots_of(parts), value))
        assert isinstance(said, str)

    @given(st.text(max_size=50))
    def test_what_is_escaped_reads_as_it_was(self, text: str) -> None:
        guarded = (
            text.replace("{", "{{").replace("}", "}}").replace("[[", "[[[").replace("]]", "]]]")
        )
        try:
            assert filled(read_parts(guarded), {}) == text
        except TextError:
            # Brackets in a row may be taken otherwise; braces never.
            assert "[[" in text or "]]" in text


class TestJudging:
    """Words are judged before they are kept."""

    @pytest.mark.parametrize(("name", "language"), BUILT_IN)
    def test_the_built_in_ones_are_fine_and_say_something(self, name: str, language: str) -> None:
        kind = TEMPLATES[name]
        words = kind.words[language]
        assert faults_of(kind, words) == []
        rendered = render(
            Composed(template=name, values=kind.samples(language), link="/alarms/7"),
            words,
            language=language,
            priority=kind.priority,
            public_url="https://gemba.test/",
        )
        assert "\n" not in rendered.subject
        for text in (rendered.subject, rendered.text, rendered.short):
            assert text.strip()
            assert not {"{", "}", "[[", "]]"} & set(text.split())
            assert "None" not in text
        assert "https://gemba.test/alarms/7" in rendered.html

    @pytest.mark.parametrize(("name", "language"), BUILT_IN)
    def test_the_built_in_ones_need_no_value_but_those_of_their_kind(
        self, name: str, language: str
    ) -> None:
        kind = TEMPLATES[name]
        empty = dict.fromkeys(kind.fields)
        rendered = render(
            Composed(template=name, values=empty),
            kind.words[language],
            language=language,
            priority="low",
            public_url="",
        )
        assert rendered.link is None
        assert "[[" not in rendered.text

    def test_a_placeholder_that_there_is_none_of_is_told_with_the_nearest(self) -> None:
        words = Words(subject="{nam}", text="{subject} {oops}", short="x", html="<b>{sit}</b>")
        faults = {(each.part, each.placeholder) for each in faults_of(ALARM, words)}
        assert faults == {("subject", "nam"), ("text", "oops"), ("html", "sit")}
        [first, *_] = faults_of(ALARM, words)
        assert "maybe {name}" in first.problem

    @pytest.mark.parametrize(
        ("html", "problem"),
        [
            ("<script>x</script>", "<script> is not allowed"),
            ("<b onclick='x'>a</b>", "<b onclick=…> is not allowed"),
            ("<a href='javascript:x'>a</a>", "has to be https://"),
            ("<a href='{subject}'>a</a>", "has to be https://"),
            ("<img src='https://x/y'>", "<img> is not allowed"),
            ("<b>a", "<b> is not closed"),
            ("a</b>", "</b> closes nothing"),
            ("<!--[if mso]>x<![endif]-->", "comments are not allowed"),
        ],
    )
    def test_marks_that_may_not_be(self, html: str, problem: str) -> None:
        words = Words(subject="a", text="a", short="a", html=html)
        assert problem in " ".join(each.problem for each in faults_of(ALARM, words))

    def test_marks_that_may_be(self) -> None:
        html = '<h2>{name}</h2><p>{subject}<br><a href="{link}">open</a></p>'
        assert faults_of(ALARM, Words(subject="a", text="a", short="a", html=html)) == []


class TestReading:
    """How values read."""

    def test_a_value_does_no_harm_in_a_page(self) -> None:
        values = {**ALARM.samples("en"), "subject": "<img src=x onerror=y>", "name": "a\r\nBcc: b"}
        for words in (
            ALARM.words["en"],
            Words(subject="{name}", text="{name}", short="a", html="<p>{subject}</p>"),
        ):
            rendered = render(
                Composed(template="alarm_raised", values=values),
                words,
                language="en",
                priority="high",
                public_url="",
            )
            assert "<img" not in rendered.html
            assert "&lt;img src=x" in rendered.html
            assert "\n" not in rendered.subject
            assert "\r" not in rendered.subject

    def test_times_are_the_plants(self) -> None:
        at = datetime.fromisoformat("2026-03-29T00:59:00+00:00")
        later = datetime.fromisoformat("2026-03-29T01:01:00+00:00")
        told = written({"a": at, "b": later}, language="en", time_zone="Europe/Berlin")
        assert told == {"a": "29 Mar 2026, 01:59 CET", "b": "29 Mar 2026, 03:01 CEST"}
        told = written({"a": at}, language="zh-CN", time_zone="Asia/Shanghai")
        assert told == {"a": "2026-03-29 08:59 CST"}
        told = written({"a": at}, language="en", time_zone="America/Sao_Paulo")
        assert told == {"a": "28 Mar 2026, 21:59 UTC-03"}

    def test_other_values(self) -> None:
        told = written(
            {"a": 5.0, "b": None, "c": ("x", "y"), "d": 7, "e": 0.1},
            language="en",
            time_zone="UTC",
        )
        assert told == {"a": "5", "b": "", "c": "x\ny", "d": "7", "e": "0.1"}

    def test_without_a_public_address_there_is_no_link(self) -> None:
        rendered = render(
            Composed(template="alarm_raised", values=ALARM.samples("en"), link="/alarms/7"),
            ALARM.words["en"],
            language="en",
            priority="high",
            public_url="",
        )
        assert rendered.link is None
        assert "/alarms/7" not in rendered.text + rendered.html + rendered.short

    def test_words_round_trip(self) -> None:
        words = ALARM.words["zh-CN"]
        assert msgspec.convert(msgspec.to_builtins(words), Words) == words
