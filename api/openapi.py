"""The OpenAPI document, for generating clients: `python -m api.openapi > openapi.json`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from api.service import build
from runtime.settings import ApiSettings


def document() -> dict[str, Any]:
    """The document. Nothing is connected to, and nothing of the environment goes into it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ApiSettings(
            data_dir=Path(folder),
            database_url=SecretStr("postgresql://nowhere"),
            redis_url=SecretStr("redis://nowhere"),
            stream_url="embedded://",
            ui_dir=Path(folder),
        )
        return build(settings).openapi()


def main() -> None:
    """Write the document to standard output."""
    json.dump(document(), sys.stdout, indent=2, ensure_ascii=False, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
