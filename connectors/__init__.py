"""Documents in and out: translators between a format and `domain.documents`.

Every package here (`x12`, `edifact`, `sap_idoc`, `shopify`, `table`, …) exports

- `read(content: bytes, options: ReadOptions) -> Reading`: pure, without database, network or clock.
  It never raises for bad input: whatever is wrong becomes a `Problem` that says where it stands;
- where the format has answers, functions that make an `Answer` from `domain.documents`'
  `OrderAnswer` or `ShipNotice` and from what the reading's envelope told of the partner.

A connector imports `domain` and `runtime` only.
"""
