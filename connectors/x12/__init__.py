"""ASC X12: purchase orders (850) and changes (860) in; 997, 855 and 856 out."""

from connectors.x12.acknowledgement import acknowledge
from connectors.x12.order_answer import answer_order
from connectors.x12.partner import Envelope, Partner
from connectors.x12.reading import read
from connectors.x12.ship_notice import ship_notice

__all__ = ["Envelope", "Partner", "acknowledge", "answer_order", "read", "ship_notice"]
