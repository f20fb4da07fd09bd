"""The service's settings: one table, read from the environment once, before anything starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self, cast, get_type_hints

from environs import Env, EnvValidationError, validate

from estimator.errors import EstimatorError

PREFIX = "ESTIMATOR_"


class SettingsError(EstimatorError):
    """Settings are wrong; the message names every one of them."""


@dataclass(frozen=True, slots=True)
class About:
    """What is said of a setting: its unit, a sentence, and the least and greatest value of a number."""

    unit: str
    text: str
    bounds: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is started with; the variable `ESTIMATOR_PORT` sets `port`, and so on."""

    model: Annotated[
        Path,
        About(
            "path", "What is served: `models/<market>` means its published version; a version's folder pins it."
        ),
    ] = Path("models/king_county")
    host: Annotated[str, About("address", "Where to listen. The default answers this machine alone.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, About("port", "Where to listen.", (1, 65535))] = 8000
    workers: Annotated[
        int, About("processes", "Workers, each with a model of its own: as many as cores to keep busy.", (1, 256))
    ] = 2
    threads: Annotated[
        int,
        About(
            "threads a worker",
            "Requests that a worker handles at once. An upload that stalls holds a thread until its sender goes,"
            " so there are many more than cores; one that is not needed does not exist.",
            (1, 1024),
        ),
    ] = 128
    max_connections: Annotated[
        int,
        About(
            "connections a worker",
            "Connections that a worker keeps open; further ones wait in the system's queue.",
            (1, 65536),
        ),
    ] = 512
    header_timeout: Annotated[
        int, About("seconds", "What a client has to send its headers in; then it is disconnected.", (1, 60))
    ] = 10
    stop_timeout: Annotated[
        int,
        About("seconds", "What requests in flight have to finish in after SIGTERM; then they are cut.", (1, 1800)),
    ] = 30
    max_body: Annotated[
        int,
        About(
            "bytes", "Largest request body: `max_rows` homes with every fact, and room to spare.", (1024, 2**30)
        ),
    ] = 8 * 2**20
    max_rows: Annotated[
        int, About("homes", "Longest list in a request: about two seconds of one worker's time.", (1, 1_000_000))
    ] = 10_000
    max_reasons: Annotated[
        int,
        About(
            "homes × reasons",
            "Most reasons in an answer, which `include` asks for: less than two seconds of one worker's time, and"
            " some three megabytes. A home with its comparables and four facts moved has five.",
            (1, 100_000),
        ),
    ] = 400

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings from environment variables; one that is not set has its default.

        Raises
        ------
        SettingsError
            A value is malformed or out of bounds, or a variable of the prefix is no setting.
        """
        env = Env(eager=False, prefix=PREFIX)
        values = {name: _read(env, name, getattr(cls(), name), about) for name, about in table().items()}
        known = [PREFIX + name.upper() for name in values]
        problems = [
            f"{name} is no setting; the settings are {', '.join(known)}"
            for name in sorted(os.environ)
            if name.startswith(PREFIX) and name not in known
        ]
        try:
            env.seal()
        except EnvValidationError as error:
            for name, messages in cast("Mapping[str, list[str]]", error.error_messages).items():
                problems += [f"{name} is {os.environ[name]!r}: {message}" for message in messages]
        if problems:
            raise SettingsError("\n".join(problems))
        return cls(**values)


def table() -> dict[str, About]:
    """Return what is said of each setting, by name."""
    hints = get_type_hints(Settings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def _read(env: Env, name: str, default: Any, about: About) -> Any:
    """Read one setting; what is wrong with it is kept in `env` until that is sealed."""
    variable = name.upper()
    if about.bounds is not None:
        return env.int(variable, default, validate=validate.Range(*about.bounds))
    return env.path(variable, default) if isinstance(default, Path) else env.str(variable, default)
