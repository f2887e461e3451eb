"""`GET /v1/reports/{name}/file`: what the report says, as a file, to whoever may see it."""

from __future__ import annotations

import asyncio
import csv
import io

import httpx
import openpyxl
import pytest
from api_client import SITE, Api
from pypdf import PdfReader

from connectors.report_files import fonts
from connectors.report_files.formats import FileFormat
from domain.access import Role
from domain.reports.mailing import ROWS_BY

DAYS = {"from": "2026-11-01", "to": "2026-11-30", "site": SITE}


async def test_a_report_is_a_workbook(desk: httpx.AsyncClient) -> None:
    answer = await desk.get("/v1/reports/delivery/file", params=DAYS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == (
        'attachment; filename="delivery_plant-1_2026-11-01_2026-11-30.xlsx"'
    )
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames[0] == "Figures"
    assert len(list(book["Over time"].iter_rows())) == 31


async def test_csv_says_what_the_report_says(desk: httpx.AsyncClient) -> None:
    told = (await desk.get("/v1/reports/delivery", params=DAYS)).json()
    answer = await desk.get("/v1/reports/delivery/file", params=DAYS | {"format": "csv"})
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    totals = {row["code"]: row for row in rows if row["of"] == "total"}
    assert set(totals) == set(told["totals"])
    for code, figure in told["totals"].items():
        assert totals[code]["absent"] == (figure["absent_words"] or "")
    bare = await desk.get(
        "/v1/reports/delivery/file", params=DAYS | {"format": "csv", "mark": "false"}
    )
    assert bare.content.startswith(b"of,key,")


async def test_pdf_in_the_reader_s_language(desk: httpx.AsyncClient) -> None:
    answer = await desk.get(
        "/v1/reports/delivery/file",
        params=DAYS | {"format": "pdf"},
        headers={"Accept-Language": "zh-CN,zh;q=0.9"},
    )
    assert answer.status_code == 200, answer.text
    (first, *_) = PdfReader(io.BytesIO(answer.content)).pages
    assert "交付" in "".join(first.extract_text().replace("\0", "").split())


async def test_as_of_is_carried(desk: httpx.AsyncClient) -> None:
    as_of = "2026-11-20T08:00:00+00:00"
    answer = await desk.get("/v1/reports/delivery/file", params=DAYS | {"as_of": as_of})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content))["Figures"]
    texts = [cell.value for row in sheet.iter_rows() for cell in row]
    assert "2026-11-20 09:00 (Europe/Berlin)" in texts


async def test_what_the_report_refuses_its_file_refuses_in_the_same_words(
    desk: httpx.AsyncClient,
) -> None:
    for query in ({"from": "2026-11-30", "to": "2026-11-01"}, {"site": "nowhere"}, {"by": "moon"}):
        report = await desk.get("/v1/reports/delivery", params=query)
        file = await desk.get("/v1/reports/delivery/file", params=query | {"format": "pdf"})
        assert report.status_code >= 400, query
        assert (file.status_code, file.json()) == (report.status_code, report.json())
        assert file.headers["content-type"].startswith("application/problem+json")


async def test_who_is_limited_to_a_site_gets_no_file_of_another(
    api: Api, desk: httpx.AsyncClient
) -> None:
    del desk
    limited = await api.as_role(Role.VIEWER, SITE)
    own = await limited.get("/v1/reports/delivery/file", params=DAYS)
    other = await limited.get("/v1/reports/delivery/file", params=DAYS | {"site": "plant-2"})
    assert (own.status_code, other.status_code) == (200, 404)
    nobody = await api.client().get("/v1/reports/delivery/file", params=DAYS)
    assert nobody.status_code == 401


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_report_is_had_in_every_format(desk: httpx.AsyncClient, language: str) -> None:
    for name in ROWS_BY:
        for kind in FileFormat:
            answer = await desk.get(
                f"/v1/reports/{name}/file",
                params=DAYS | {"format": kind.value, "language": language},
            )
            assert answer.status_code == 200, f"{name} {kind}: {answer.text[:500]}"
            assert len(answer.content) > 100, (name, kind)


async def test_a_session_of_the_browser_gets_a_file(api: Api, desk: httpx.AsyncClient) -> None:
    del desk
    await api.user("mei")
    async with api.client(Origin="http://gemba.test") as browser:
        signed_in = await browser.post(
            "/v1/session", json={"name": "mei", "password": "correct horse battery"}
        )
        assert signed_in.status_code == 200, signed_in.text
        answer = await browser.get("/v1/reports/delivery/file", params=DAYS)
        assert answer.status_code == 200, answer.text


async def test_unknown_reports_and_tables_are_named(desk: httpx.AsyncClient) -> None:
    answer = await desk.get("/v1/reports/weather/file")
    assert answer.status_code == 404
    assert "there is no report 'weather' as a file; there are overview" in answer.json()["detail"]
    answer = await desk.get(
        "/v1/reports/delivery/file", params=DAYS | {"format": "csv", "table": "lines"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "no-table")
    assert "'series'" in answer.json()["detail"]


async def test_chinese_without_a_font_is_refused_with_what_to_do(
    desk: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_CHINESE", ("/nowhere/a.ttc",))
    query = DAYS | {"format": "pdf", "language": "zh"}
    answer = await desk.get("/v1/reports/delivery/file", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "no-font")
    assert "fonts-noto-cjk" in answer.json()["detail"]
    answer = await desk.get("/v1/reports/delivery/file", params=query | {"language": "en"})
    assert answer.status_code == 200


async def test_several_files_are_made_side_by_side(desk: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(
            desk.get("/v1/reports/delivery/file", params=DAYS | {"format": kind})
            for kind in ("pdf", "xlsx", "csv", "pdf", "xlsx", "csv")
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 6
