"""How fast a body must arrive, and an answer must be taken."""

from dataclasses import dataclass

from service.settings import Settings

FIRST_SECONDS = 10.0
"""Time in which a body or an answer need not move at the least rate: a connection needs a moment to get going."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits of the settings."""

    settings: Settings

    def seconds_for(self, size: int) -> float:
        """Return the time for a number of bytes: the files of jobs get more than the largest other body."""
        return self.settings.body_timeout * max(1.0, size / self.settings.max_body)

    def is_slow(self, seconds: float, moved: int, size: int) -> bool:
        """Return whether a client that has moved so many bytes of a size takes too long."""
        return seconds > self.seconds_for(size) or seconds > FIRST_SECONDS + moved / self.settings.body_rate

    def slowness(self, received: int, size: int) -> str:
        """Return what is wrong with a body that is too slow."""
        return (
            f"{received} bytes of the body arrived; it must arrive within {self.seconds_for(size):.0f} s, at"
            f" {self.settings.body_rate} bytes per second or more"
        )
