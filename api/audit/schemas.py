"""Shapes of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.fields import Listing


class LogEntry(BaseModel):
    """An entry. It is never changed and never deleted."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    actor: str = Field(description="A user's name, `token …`, `key …`, or a part of gemba.")
    origin: str = Field(description="From where: `session 10.0.0.7`, `key gk_Ab12Cd 10.0.0.9`.")
    site: str | None
    object_kind: str | None = Field(description="`order`, `user`, `machine`, …")
    object_key: str | None = Field(description="The object's name among its kind.")
    order_number: str | None
    work_order: str | None
    action: str
    reason: str | None
    before: Any = Field(description="What was changed, as it stood.")
    after: Any = Field(description="What was changed, as it stands.")


class LogEntryList(Listing[LogEntry]):
    """Entries, newest first."""
