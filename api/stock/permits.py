"""Who may book stock, and who may buy."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.auth.principal import Needs, Principal
from domain.access import Permission

StockKeeper = Annotated[Principal, Depends(Needs(Permission.STOCK))]
Purchaser = Annotated[Principal, Depends(Needs(Permission.PURCHASE))]
