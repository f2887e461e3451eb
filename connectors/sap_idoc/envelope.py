"""Who sent an IDoc to whom: what an answer needs to find its way back."""

from __future__ import annotations

import msgspec

from connectors.sap_idoc.stream import Node


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of a control record (EDI_DC40), as they came in.

    Attributes:
        message: `OrderDocument.message` (DOCNUM).
        sender, sender_type, sender_port: SNDPRN, SNDPRT, SNDPOR; an answer's receiver.
        receiver, receiver_type, receiver_port: ours; an answer's sender.
    """

    message: str = ""
    sender: str = ""
    sender_type: str = "LS"
    sender_port: str = ""
    receiver: str = ""
    receiver_type: str = "LS"
    receiver_port: str = ""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The control records of a file, in its order."""

    controls: tuple[Control, ...]

    def control_of(self, message: str | None) -> Control | None:
        """The control record of a document; None: there was none, or it names no sender."""
        named = (one for one in self.controls if one.sender or one.sender_port)
        return next((one for one in named if one.message == (message or "")), None)


def control_of(record: Node | None) -> Control:
    """What a control record says; without one: nothing."""
    if record is None:
        return Control()
    return Control(
        message=record.field("DOCNUM"),
        sender=record.field("SNDPRN"),
        sender_type=record.field("SNDPRT") or "LS",
        sender_port=record.field("SNDPOR"),
        receiver=record.field("RCVPRN"),
        receiver_type=record.field("RCVPRT") or "LS",
        receiver_port=record.field("RCVPOR"),
    )
