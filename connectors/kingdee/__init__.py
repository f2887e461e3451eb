"""Sales orders of Kingdee K3 Cloud (Galaxy), as its WebAPI gives them."""

from connectors.kingdee.orders import read

__all__ = ["read"]
