"""`gemba demo`: a factory at work, and the same one at the second start."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import httpx
from up_process import SERVED, START_S, STOP_S, UpProcess, up_process, wait_for


def get(up: UpProcess, path: str) -> Any:
    token = up.gemba("token", "--role", "viewer").stdout.strip()
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{up.url}{path}", headers=headers, timeout=30)
    assert answer.is_success, answer.text
    return answer.json()


def printed(up: UpProcess, beginning: str) -> str:
    """The rest of the last line that begins so."""
    lines = [line for line in up.output.read_text().splitlines() if line.startswith(beginning)]
    return lines[-1].removeprefix(beginning).strip() if lines else ""


def test_machines_count_people_sign_in_a_customer_sees_and_it_is_there_again(
    data_dir: Path,
) -> None:
    with up_process(data_dir, "demo", settings={"GEMBA_SIMULATOR_SPEED": "20"}) as up:
        up.wait_running(SERVED | {"simulator"})
        site = get(up, "/v1/sites")["items"][0]["code"]
        assert get(up, f"/v1/machines?site={site}")["total"] == 8
        orders = get(up, f"/v1/orders?site={site}")["items"]
        assert len(orders) >= 8  # and what customers have ordered meanwhile

        def counted() -> bool:
            operations = get(up, f"/v1/operations?site={site}")["items"]
            return any(operation["good_pieces"] > 0 for operation in operations)

        wait_for(counted, "a simulated machine counts a piece", START_S)

        passwords = json.loads((data_dir / "secrets" / "demo-users.json").read_text())
        session = httpx.post(
            f"{up.url}/v1/session",
            json={"name": "operator", "password": passwords["operator"]},
            headers={"Origin": up.url},
            timeout=30,
        )
        assert session.is_success, session.text
        link = printed(up, "Customer:").split()[0]
        token = link.rsplit("/", 1)[1]
        assert httpx.get(f"{up.url}/v1/tracking/{token}", timeout=30).is_success

        up.signal(signal.SIGINT)
        assert up.process is not None
        assert up.process.wait(STOP_S) == 0

        up.start()
        up.wait_running(SERVED | {"simulator"})
        numbers = {order["number"] for order in get(up, f"/v1/orders?site={site}")["items"]}
        assert {order["number"] for order in orders} <= numbers
        assert json.loads((data_dir / "secrets" / "demo-users.json").read_text()) == passwords
