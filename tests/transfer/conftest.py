from __future__ import annotations

import pytest

from store.migrate import migrate


@pytest.fixture
def embedded_url(empty_database_url: str) -> str:
    """The database of an embedded installation: on plain PostgreSQL, whatever the target is."""
    migrate(empty_database_url)
    return empty_database_url
