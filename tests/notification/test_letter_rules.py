"""Text messages' lengths, retries, broken ways, mail servers by address: pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.notification.retrying import Policy, broken_until, is_probed, next_attempt
from domain.notification.short_texts import fitted, length_of, parts_of
from domain.notification.smtp_url import SmtpUrlError, read_smtp_url
from domain.notification.ways import KINDS, Smtp, Tls, UnknownKindError, Way, read_settings

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
LINK = "https://gemba.test/alarms/7"


class TestLengths:
    """3GPP TS 23.038: 160 and 153 characters, 70 and 67 outside of its alphabet."""

    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("", 1),
            ("a" * 160, 1),
            ("a" * 161, 2),
            ("a" * 306, 2),
            ("a" * 307, 3),
            ("€" * 80, 1),
            ("€" * 81, 2),
            ("机" * 70, 1),
            ("机" * 71, 2),
            ("机" * 134, 2),
            ("机" * 135, 3),
            ("😀" * 35, 1),
            ("😀" * 36, 2),
            ("a" * 70 + "机", 2),
        ],
    )
    def test_parts(self, text: str, parts: int) -> None:
        assert parts_of(text) == parts

    def test_the_extension_counts_twice(self) -> None:
        assert (length_of("[]"), length_of("ab"), length_of("机[")) == (4, 2, 2)

    @given(
        st.text(max_size=600).filter(lambda text: "https" not in text),
        st.sampled_from([None, LINK]),
        st.integers(1, 3),
    )
    def test_a_text_is_cut_to_its_parts_and_its_link_is_whole(
        self, text: str, link: str | None, most: int
    ) -> None:
        said = fitted(text, link, most=most)
        assert parts_of(said) <= most
        assert "https" not in said or said.endswith(LINK)

    def test_what_fits_stays(self) -> None:
        assert fitted(" Machine  down\n", LINK) == f"Machine down {LINK}"
        assert fitted("a" * 400).endswith("a...")
        assert fitted("机" * 400).endswith("机…")
        assert fitted("a" * 400, LINK).endswith(f"a... {LINK}")


class TestRetrying:
    """When a letter is tried again, when it is given up, when a way is left alone."""

    @pytest.mark.parametrize(("attempts", "seconds"), [(1, 5), (2, 10), (3, 20), (20, 900)])
    def test_pauses_double_until_a_quarter_of_an_hour(self, attempts: int, seconds: int) -> None:
        found = next_attempt(Policy(), attempts=attempts, decided_at=NOW, now=NOW, chance=0.5)
        assert found == NOW + timedelta(seconds=seconds)

    @given(st.integers(1, 1_000), st.floats(0, 1), st.floats(0, 1e9) | st.none())
    def test_a_pause_is_neither_nothing_nor_for_ever(
        self, attempts: int, chance: float, after_s: float | None
    ) -> None:
        found = next_attempt(
            Policy(), attempts=attempts, decided_at=NOW, now=NOW, chance=chance, after_s=after_s
        )
        assert found is not None
        assert timedelta(seconds=4) <= found - NOW <= timedelta(hours=24)

    def test_given_up_when_old_and_tried(self) -> None:
        old = NOW - timedelta(hours=25)
        told = {"now": NOW, "chance": 0.5}
        assert next_attempt(Policy(), attempts=5, decided_at=old, **told) is None  # type: ignore[arg-type]  # a dict of two types
        assert next_attempt(Policy(), attempts=4, decided_at=old, **told) is not None  # type: ignore[arg-type]  # a dict of two types
        assert next_attempt(Policy(), attempts=99, decided_at=NOW, **told) is not None  # type: ignore[arg-type]  # a dict of two types

    def test_a_way_is_left_alone_from_the_fifth_failure_on(self) -> None:
        assert [broken_until(each, NOW) for each in (1, 4)] == [None, None]
        pauses = [broken_until(each, NOW) for each in (5, 6, 7, 50)]
        seconds = [(each - NOW).total_seconds() for each in pauses if each is not None]
        assert seconds == [15, 30, 60, 600]
        assert [is_probed(each) for each in (4, 5)] == [False, True]


class TestWays:
    """Ways and their settings."""

    def test_which_addresses_a_way_serves(self) -> None:
        settings = Smtp(host="mail.test", sender="gemba@plant.test")
        way = Way(code="mail", kind="smtp", settings=settings, prefixes=("a@", "b@"))
        assert [way.serves(each) for each in ("a@x", "c@x")] == [True, False]
        assert Way(code="mail", kind="smtp", settings=settings).serves("anybody@x")

    def test_settings_are_read_by_kind(self) -> None:
        told = {"host": "mail.test", "sender": "gemba@plant.test", "tls": "implicit", "port": 465}
        found = read_settings("smtp", told)
        assert isinstance(found, Smtp)
        assert found.tls is Tls.IMPLICIT
        with pytest.raises(UnknownKindError, match="there is no kind of way 'fax'"):
            read_settings("fax", {})
        for wrong in ({"hots": "x"}, {"sender": "no address"}, {"port": 0}, {"host": "a b"}):
            with pytest.raises(msgspec.ValidationError):
                read_settings("smtp", told | wrong)

    def test_every_kind_says_what_its_settings_are(self) -> None:
        for kind in KINDS.values():
            assert msgspec.json.schema(kind.settings)


class TestMailServerByAddress:
    """GEMBA_SMTP_URL."""

    def test_reads(self) -> None:
        found, password = read_smtp_url(
            "smtps://g%40plant:p%2Fw%3A1@mail.test", sender="gemba@plant.test"
        )
        assert (found.host, found.port, found.tls) == ("mail.test", 465, Tls.IMPLICIT)
        assert (found.user, password) == ("g@plant", "p/w:1")
        found, password = read_smtp_url("smtp+plain://localhost:1025", sender="gemba@plant.test")
        assert (found.port, found.tls, found.user, password) == (1025, Tls.NONE, None, None)
        assert read_smtp_url("smtp://mail.test", sender="g@plant.test")[0].port == 587

    @pytest.mark.parametrize(
        "url",
        [
            "mail.test",
            "http://mail.test",
            "smtp://",
            "smtp://u:secret@mail.test:99999",
            "smtp://u:secret@mail.test/inbox",
            "smtp://u:secret@mail.test?tls=no",
        ],
    )
    def test_refuses_without_telling_the_password(self, url: str) -> None:
        with pytest.raises(SmtpUrlError) as error:
            read_smtp_url(url, sender="gemba@plant.test")
        assert "secret" not in str(error.value)

    def test_refuses_a_sender_that_is_none(self) -> None:
        with pytest.raises(SmtpUrlError, match="GEMBA_SMTP_FROM"):
            read_smtp_url("smtp://mail.test", sender="gemba")
