"""UN/EDIFACT: orders (ORDERS) and changes (ORDCHG) in; CONTRL, ORDRSP and DESADV out."""

from connectors.edifact.control import acknowledge
from connectors.edifact.order_answer import answer_order
from connectors.edifact.partner import Envelope, Partner
from connectors.edifact.reading import read
from connectors.edifact.ship_notice import ship_notice

__all__ = ["Envelope", "Partner", "acknowledge", "answer_order", "read", "ship_notice"]
