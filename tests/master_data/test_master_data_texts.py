"""Texts become records: each fault by its line, and nothing that a hostile file could use."""

from __future__ import annotations

import io
import zipfile

import pytest

from domain.master_data import files
from domain.master_data.faults import Faults
from domain.master_data.files import read_file
from domain.master_data.judging import judge
from domain.master_data.merging import MasterData, Wanted, merge
from domain.master_data.reading import read_sections


def read(text: str | bytes, name: str = "a.yaml") -> tuple[Wanted, list[str]]:
    """What is wanted of a file on an empty installation, and its faults as people see them."""
    content = text.encode() if isinstance(text, str) else text
    faults = Faults()
    document = read_sections(read_file(name, content, faults), faults)
    wanted = merge(MasterData(), document, faults)
    judge(wanted, faults)
    return wanted, [f"{fault.place}: {fault.problem}" for fault in faults.sorted()]


def faults_of(text: str | bytes, name: str = "a.yaml") -> list[str]:
    return read(text, name)[1]


class TestYaml:
    def test_scalars_stay_as_they_were_written(self) -> None:
        wanted, faults = read(
            "items:\n- {code: 0123, name: NO}\n- {code: 1e3, name: '~', weight_kg: 0.1}\n"
        )
        assert faults == []
        first, second = [change.after for change in wanted.changes]
        assert (getattr(first, "code", ""), getattr(first, "name", "")) == ("0123", "NO")
        assert str(getattr(second, "weight_kg", "")) == "0.1"
        assert getattr(second, "name", "") == "~"

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("items: 5\n", "a.yaml:1:1: must be a list of records: begin each with '- '"),
            ("- a\n", "a.yaml:1:1: must be a mapping of kinds, as `items:`, to lists of records"),
            ("items:\n- x\n", "a.yaml:2:3: must be a record of items: fields with their values"),
            (
                "items:\n- {code: a, name: b, code: c}\n",
                "a.yaml:2:22: stands here a second time, first in line 2",
            ),
            (
                "items:\n- &x {code: a, name: b}\n",
                "a.yaml:2:3: is an anchor (&x); write it without",
            ),
            (
                "items:\n- {code: a, name: *x}\n",
                "a.yaml:2:19: refers to an anchor (*x); write out what it means",
            ),
            (
                "items: !!python/object/apply:os.system ['true']\n",
                "a.yaml:1:8: has a tag (tag:yaml.org,2002:python/object/apply:os.system)",
            ),
            ("a: " + "[" * 60 + "]" * 60, "a.yaml:1:15: is nested more than 12 levels deep"),
            ("a: 1\n---\nb: 2\n", "a.yaml:2:1: begins a second document; put all into one"),
            ("items:\n- {code: a\n", "a.yaml:3:1: is not YAML: did not find expected ',' or '}'"),
            (b"items:\n- code: \xff\xfe\n", "a.yaml:2: is not UTF-8; save the file as UTF-8"),
            ("gadgets: []\n", "a.yaml:1:1: is no kind of master data; known are"),
            ("itms: []\n", "a.yaml:1:1: is no kind of master data, maybe 'items'; known are"),
            (
                "items:\n- {code: a, name: b, wieght_kg: 3}\n",
                "a.yaml:2:22: is no field here, maybe 'weight_kg'; known are code",
            ),
            ("items:\n- {code: a, name: [x]}\n", "a.yaml:2:19: name must be a single value"),
            ("items:\n- {code: a}\n", "a.yaml:2:3: a new item must also say: name"),
            ("items:\n- {name: a}\n", "a.yaml:2:3: must say code: by it the item is known"),
            ("items:\n- {code: , name: a}\n", "a.yaml:2:10: code must not be empty"),
            (
                "items:\n- {code: a, name: b}\n- {code: a, name: c}\n",
                "a.yaml:3:3: says item a a second time, first at a.yaml:2:3",
            ),
        ],
    )
    def test_a_fault_says_where_and_what(self, text: str | bytes, fault: str) -> None:
        assert faults_of(text)[0].startswith(fault)

    def test_an_empty_text_tells_nothing(self) -> None:
        assert faults_of("") == []
        assert faults_of("# only a comment\n") == []
        assert faults_of("items:\n") == []

    @pytest.mark.parametrize(
        ("field", "value", "problem"),
        [
            ("weight_kg", "-1", "must not be negative"),
            ("weight_kg", "1,5", "must be a number; write a decimal point"),
            ("weight_kg", ".nan", "must be a number"),
            ("weight_kg", "1e40", "has more than 15 digits"),
            ("weight_kg", "0.1234567", "has more than 15 digits, or 6 decimal places"),
            ("lot_size", "0", "must be more than 0"),
            ("kind", "maked", "must be made, bought or both"),
            ("gtin", "4006381333932", "is no GTIN: its last digit would be 1"),
            ("gtin", "123", "must be a GTIN of 8, 12, 13 or 14 digits"),
            ("unit", "pc", "unit is none we know, maybe 'pcs'"),
            ("description", '"a\\0b"', "must be text without control characters"),
            ("name", '"a\\nb"', "must be text on one line"),
        ],
    )
    def test_values_of_fields(self, field: str, value: str, problem: str) -> None:
        record = {"code": "a", "name": "n", field: value}
        text = "items:\n- " + "\n  ".join(f"{name}: {said}" for name, said in record.items())
        [fault] = faults_of(text)
        assert problem in fault
        assert fault.startswith(f"a.yaml:{3 if field == 'name' else 4}:{len(field) + 5}")


class TestTables:
    def test_a_row_is_a_record_whatever_separates_the_cells(self) -> None:
        for separator in (",", ";", "\t"):
            other = ", " if separator == "\t" else separator
            text = f'code{separator}name\nA{separator}"x{other} y"\n\n'
            wanted, faults = read("\ufeff" + text, "items.csv")
            assert faults == []
            assert [change.key for change in wanted.changes] == [("A",)]

    def test_rows_of_one_record_hold_its_list(self) -> None:
        wanted, faults = read(
            "item,site,version,valid_from,component,quantity,scrap_factor\n"
            "A,,1,2026-01-01,B,2,\n"
            "A,,1,2026-01-01,C,0.5,0.1\n",
            "bills.csv",
        )
        assert [fault.split(": ", 1)[1][:20] for fault in faults] == [
            "there is no item 'A'",
            "there is no item 'B'",
            "there is no item 'C'",
        ]
        [change] = wanted.changes
        assert [line.component for line in getattr(change.after, "lines", ())] == ["B", "C"]

    def test_alternatives_stand_in_one_cell(self) -> None:
        wanted, _ = read(
            "item,site,version,number,name,machine,cycle_ms,alternatives\n"
            "A,p,1,10,Saw,p/a/l/m1,100,p/a/l/m3=120/5; p/a/l/m2=130\n",
            "routings.csv",
        )
        [change] = wanted.changes
        [step] = getattr(change.after, "steps", [])
        assert [(way.machine, way.cycle_ms, way.setup_ms) for way in step.alternatives] == [
            ("p/a/l/m2", 130, 0),
            ("p/a/l/m3", 120, 5),
        ]

    @pytest.mark.parametrize(
        ("name", "text", "fault"),
        [
            ("items.csv", "", "items.csv:1: has no header: its first line names the fields code"),
            ("items.csv", "code,nme\n", "items.csv:1:2: is no field of items: code"),
            ("items.csv", "name\nx\n", "items.csv:1: lacks the column code: rows are known by it"),
            ("items.csv", "code,code\n", "items.csv:1:2: names the same field a second time"),
            (
                "items.csv",
                "code,name\na,b,c\n",
                "items.csv:2:3: has 3 cells where the header has 2",
            ),
            ("items.csv", 'code,name\na,"b\n', "items.csv:2: is no CSV"),
            ("items.csv", "code,name\na,b\n\n,c\n", "items.csv:4:1: code must not be empty"),
            (
                "items.csv",
                'code,name,weight_kg\na,"b c",1\nd,"e",x\n',
                "items.csv:3:3: weight_kg must be a number",
            ),
            (
                "bills.csv",
                "item,version,valid_to,component,quantity\na,1,2026-01-01,b,1\na,1,,c,1\n",
                "bills.csv:3:3: differs from line 2 of the same bill of material ('2026-01-01')",
            ),
            ("gadgets.csv", "a\n", "gadgets.csv: is no kind of master data"),
            ("items.txt", "a\n", "items.txt: is none of .yaml"),
        ],
    )
    def test_a_fault_says_line_and_cell(self, name: str, text: str, fault: str) -> None:
        found = faults_of(text, name)
        assert any(one.startswith(fault) for one in found), found

    def test_a_quoted_line_break_does_not_shift_the_lines(self) -> None:
        text = 'code,name,description\na,n,"one\ntwo"\nb,n,x\nb,n,y\n'
        assert faults_of(text, "items.csv") == [
            "items.csv:5: says item b a second time, first at items.csv:4"
        ]


def packed(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_csv", ".csv").replace("_zip", ".zip"), content)
    return target.getvalue()


class TestZip:
    def test_its_files_are_judged_together(self) -> None:
        content = packed(
            items_csv=b"code,name\nA,a\nB,b\n",
            bills_csv=b"item,version,component,quantity\nA,1,B,2\nA,1,C,2\n",
        )
        assert faults_of(content, "a.zip") == [
            "bills.csv:3:3: there is no item 'C'; add it to items"
        ]

    def test_one_that_grows_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "MOST_UNPACKED", 1024 * 1024)
        content = packed(items_csv=b"code,name\n" + b"a,b\n" * 1_000_000)
        assert len(content) < 20_000
        assert faults_of(content, "a.zip") == [
            "a.zip: unpacks to more than 1 MiB; give it in parts"
        ]

    def test_no_zip_within_it_and_not_too_many(self) -> None:
        inner = packed(items_csv=b"code,name\n")
        assert faults_of(packed(more_zip=inner), "a.zip") == [
            "more.zip: is a zip within a zip; put its files in directly"
        ]
        many = packed(**{f"f{number}_csv": b"" for number in range(101)})
        assert faults_of(many, "a.zip") == ["a.zip: holds 101 files; give at most 100"]

    def test_what_is_none_or_broken(self) -> None:
        assert faults_of(b"no zip", "a.zip")[0].startswith("a.zip: cannot be unpacked")
        content = bytearray(packed(items_csv=b"code,name\n" * 50))
        content[45:50] = b"\xff" * 5
        assert faults_of(bytes(content), "a.zip")[0].startswith("a.zip: cannot be unpacked")
