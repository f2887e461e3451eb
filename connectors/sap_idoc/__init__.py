"""SAP IDocs in XML: orders and changes in, confirmations and ship notices out.

Segments, fields and codes are those of SAP's basic types ORDERS05 and DELVRY05 (transaction WE60).
"""

from connectors.sap_idoc.answers import order_response
from connectors.sap_idoc.confirmations import Confirmation, production_confirmation
from connectors.sap_idoc.deliveries import ship_notice
from connectors.sap_idoc.envelope import Control, Envelope
from connectors.sap_idoc.reading import read

__all__ = [
    "Confirmation",
    "Control",
    "Envelope",
    "order_response",
    "production_confirmation",
    "read",
    "ship_notice",
]
