"""All tables of letters. Whoever has letters of a new kind adds a table here.

The order is the one in which they are taken on when there are more than can be sent at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psycopg import sql

from store.customer_notices.telling import LETTERS as CUSTOMERS
from store.notification.letters import LetterTable
from store.notification.trials import TRIALS
from store.reports.letters import LETTERS as REPORTS

ALARMS: Final = LetterTable(
    name="alarms",
    table="alarm_messages",
    cause=sql.SQL("CASE WHEN m.alarm_id IS NULL THEN 'alarms' ELSE 'alarm:' || m.alarm_id END"),
)

TABLES: Final[Mapping[str, LetterTable]] = {
    each.name: each for each in (TRIALS, ALARMS, CUSTOMERS, REPORTS)
}
"""By the name of the source."""
