"""The move of an embedded installation to servers of one's own: `gemba transfer`."""

from launch.transfer.display import MoveDisplay
from launch.transfer.move import Move, Outcome

__all__ = ["Move", "MoveDisplay", "Outcome"]
