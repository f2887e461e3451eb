"""An installation that the simulator works with; its API is asked without an event loop."""

from __future__ import annotations

from typing import Any

import httpx
from service_stack import ServiceStack


class Stack(ServiceStack):
    """The services of an installation, on servers of the test's."""

    def get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        response = httpx.get(
            f"{self.url}{path}",
            params=parameters,
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=30,
        )
        assert response.is_success, response.text
        answer = response.json()
        assert isinstance(answer, dict)
        return answer
