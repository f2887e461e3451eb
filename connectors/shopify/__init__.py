"""Orders of a Shopify shop, as its webhooks tell them."""

from connectors.shopify.orders import read
from connectors.shopify.signature import verify

__all__ = ["read", "verify"]
