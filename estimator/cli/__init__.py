"""The command line of the estimator: its commands, and how they print figures."""

from estimator.cli.commands import main
from estimator.cli.walk_forward import walk_forward_command

__all__ = ["main", "walk_forward_command"]
