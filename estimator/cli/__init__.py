"""The command line of the estimator: its commands, and how they print figures."""

from estimator.cli.group import main

__all__ = ["main"]
