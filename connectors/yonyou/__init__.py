"""Sales orders of Yonyou YonBIP and YonSuite, as their OpenAPI gives them."""

from connectors.yonyou.orders import read

__all__ = ["read"]
