"""Stock, reservations and purchases: everything changes under the row of its item and site.

`Stock.lock` takes the heads (`stock_heads`) in order of item and site and reads their lots;
`domain.inventory.books` decides; `Stock.save` writes ledger, lots and heads. Heads are locked after
orders, lines and work orders and before anything is appended to the log: nobody waits in a circle.
"""
