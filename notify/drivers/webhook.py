"""Messages to somebody's own address: a POST signed as all our webhooks (Standard Webhooks)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain.notification.http_ways import MessageHook
from domain.notification.letters import Fault, Letter, Outcome, Rendered, Taken, TryAgain
from domain.notification.ways import Way
from domain.outward import secret_bytes, signature
from notify.courier_ports import Tools
from notify.drivers.provider import Asking, said
from notify.sending import JSON

TYPE: Final = "notification"
_LETTERS_FAULT: Final = frozenset({400, 413, 415, 422})


class WebhookDriver:
    """Posts messages; `webhook-id` is the message's id."""

    def __init__(self, tools: Tools) -> None:
        self._asking = Asking(tools)
        self._clock = tools.clock

    async def deliver(self, letter: Letter, rendered: Rendered, way: Way) -> Outcome:
        """Post one."""
        settings = way.settings
        assert isinstance(settings, MessageHook)  # noqa: S101 - its kind says so
        content = msgspec.json.encode(message(letter, rendered))
        now_s = self._clock.now_ms() // 1_000
        headers = {
            "content-type": JSON,
            "webhook-id": str(letter.message_id),
            "webhook-timestamp": str(now_s),
        }
        secret = way.secrets.get("signing_secret")
        if secret:
            try:
                key = secret_bytes(secret)
            except ValueError as error:
                return TryAgain(problem=f"{way.code}: signing_secret: {error}")
            headers["webhook-signature"] = signature(key, headers["webhook-id"], now_s, content)
        answer = await self._asking.ask(way, settings.url, content=content, headers=headers)
        if isinstance(answer, TryAgain):
            return answer
        if answer.is_success:
            return Taken(answer=f"{answer.status} {said(answer)}".strip())
        unwell = self._asking.unwell(way, answer)
        if unwell is not None:
            return unwell
        fault = Fault.LETTER if answer.status in _LETTERS_FAULT else Fault.WAY
        problem = f"{way.code}: the receiver answered {answer.status}: {said(answer)}"
        return TryAgain(problem=problem.rstrip(": "), fault=fault)


def message(letter: Letter, rendered: Rendered) -> dict[str, Any]:
    """What is posted: the words, and what they are made of. The same at each attempt."""
    return {
        "type": f"{TYPE}.{rendered.template}",
        "timestamp": letter.decided_at.isoformat(),
        "data": {
            "message_id": str(letter.message_id),
            "recipient": letter.recipient,
            "why": letter.why,
            "priority": rendered.priority,
            "language": rendered.language,
            "subject": rendered.subject,
            "text": rendered.text,
            "link": rendered.link,
            "fields": dict(rendered.fields),
        },
    }
