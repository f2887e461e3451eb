"""What time went into, in both languages."""

from __future__ import annotations

from typing import Final

from domain.reports.machine_time import TimeClass
from domain.reports.words import Words

CLASS_WORDS: Final = {
    TimeClass.PRODUCTION: Words("production", "生产"),
    TimeClass.SETUP: Words("set-up", "换型"),
    TimeClass.DELAY: Words("delay", "延误"),
    TimeClass.MICRO_STOP: Words("micro-stop", "微停"),
    TimeClass.IDLE: Words("nothing to do", "空闲（无任务）"),
    TimeClass.UNKNOWN: Words("unknown", "未知"),
    TimeClass.PLANNED: Words("planned stop", "计划停机"),
}
