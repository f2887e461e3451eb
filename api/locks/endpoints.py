"""Locks on operations: what a planner decides, and the planner program keeps to."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path

from api.auth.principal import PlanMaker
from api.context import RequestContext
from api.locks import service
from api.locks.schemas import Lock
from api.operations.schemas import Operation

router = APIRouter(prefix="/v1/operations", tags=["planning"])

_LARGEST_ID: Final = 2**63 - 1
OperationId = Annotated[int, Path(ge=1, le=_LARGEST_ID)]


@router.put("/{operation_id}/lock", operation_id="lockOperation")
async def lock_operation(
    context: RequestContext, principal: PlanMaker, operation_id: OperationId, wanted: Lock
) -> Operation:
    """Lock an operation to a machine, maybe to a date. A new plan follows, or a draft by policy.

    409 when the floor has begun it, or it is over.
    """
    return await service.lock(context, principal, operation_id, wanted)


@router.delete(
    "/{operation_id}/lock", status_code=HTTPStatus.NO_CONTENT, operation_id="unlockOperation"
)
async def unlock_operation(
    context: RequestContext, principal: PlanMaker, operation_id: OperationId
) -> None:
    """Let the planner place an operation freely again. A new plan follows, or a draft by policy."""
    await service.unlock(context, principal, operation_id)
