"""The command line of the estimator: its commands, and how they print figures."""

from estimator.cli.check import check_command
from estimator.cli.commands import main
from estimator.cli.new_market import new_market_command
from estimator.cli.publishing import refresh, train
from estimator.cli.walk_forward import walk_forward_command

__all__ = ["check_command", "main", "new_market_command", "refresh", "train", "walk_forward_command"]
