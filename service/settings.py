"""The service's settings: one table, read from the environment once, before anything starts."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Self, cast, get_type_hints

from environs import Env, EnvValidationError, validate
from limits import parse_many
from marshmallow import ValidationError

from estimator.errors import EstimatorError

PREFIX = "ESTIMATOR_"


class SettingsError(EstimatorError):
    """Settings are wrong; the message names every one of them."""


@dataclass(frozen=True, slots=True)
class About:
    """What is said of a setting.

    Parameters
    ----------
    unit, text
        Its unit and a sentence.
    bounds
        The least and greatest value of a number.
    check
        Raises ValidationError for a text, or an entry of a list, that will not do.
    secret
        Whether a wrong value is not to be shown.
    """

    unit: str
    text: str
    bounds: tuple[int, int] | None = None
    check: Callable[[str], None] | None = None
    secret: bool = False


def _matching(pattern: str, complaint: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValidationError(complaint)

    return check


def _check_rate(text: str) -> None:
    try:
        parse_many(text)
    except ValueError as error:
        raise ValidationError("a rate is written like '20/second' or '5/second; 1000/hour'") from error


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is started with; the variable `ESTIMATOR_PORT` sets `port`, and so on."""

    model: Annotated[
        Path,
        About(
            "path",
            "What is served: `models/<market>` means its published version, whichever that is as time goes on; a"
            " version's folder pins it.",
        ),
    ] = Path("models/king_county")
    key_file: Annotated[
        Path | None,
        About(
            "path",
            "File with a key of 32 bytes or more: versions whose manifest it did not sign are refused. `train`"
            " signs with the same variable.",
        ),
    ] = None
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
    max_concurrent: Annotated[
        int,
        About(
            "requests a worker",
            "Requests that a worker has in hand at most, but for health and metrics; further ones get 503 with"
            " Retry-After. Fewer than `threads`, so that health is told even then.",
            (1, 1024),
        ),
    ] = 112
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
            "bytes",
            "Largest request body, unpacked too: `max_rows` homes with every fact, and room to spare.",
            (1024, 2**30),
        ),
    ] = 8 * 2**20
    max_rows: Annotated[
        int,
        About(
            "homes", "Longest list or table in a request: about two seconds of one worker's time.", (1, 1_000_000)
        ),
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
    api_keys: Annotated[
        tuple[str, ...],
        About(
            "SHA-256 in hexadecimal, with commas between",
            "Hashes of the keys of which a request must have one, in `Authorization: Bearer` or `X-API-Key`;"
            " several, so that keys can be exchanged. None: no key is asked for.",
            check=_matching(
                "[0-9a-f]{64}", "each is a SHA-256 of 64 small hexadecimal digits, not the key itself"
            ),
            secret=True,
        ),
    ] = ()
    rate_limit: Annotated[
        str,
        About(
            "requests per time",
            "What each API key, or without keys each address, may ask for, like `20/second; 1000/hour`; then it"
            " gets 429 with Retry-After. Empty: no limit.",
            check=_check_rate,
        ),
    ] = ""
    rate_limit_storage: Annotated[
        str,
        About(
            "URL",
            "Where requests are counted for `rate_limit`: `memory://` is each worker's own, so that N workers let"
            " N times as many pass; `redis://…` is for all.",
            check=_matching(r"(memory://|rediss?://\S+|redis\+unix://\S+)", "it is memory:// or a Redis URL"),
            secret=True,
        ),
    ] = "memory://"
    proxies: Annotated[
        int,
        About(
            "proxies",
            "Proxies in front whose X-Forwarded-For is believed. With too many, clients make their addresses up.",
            (0, 5),
        ),
    ] = 0
    trusted_hosts: Annotated[
        tuple[str, ...],
        About(
            "host names, with commas between",
            "Hosts that a request may name; a dot in front takes subdomains too. None: any.",
            check=_matching(r"\.?[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]", "it is a host's name without port"),
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...],
        About(
            "origins, with commas between",
            "Other sites, like `https://app.example.com`, whose pages may ask this server. None by default.",
            check=_matching(
                r"https?://[A-Za-z0-9.-]+(:[0-9]+)?", "it is scheme, host and port alone, and never *"
            ),
        ),
    ] = ()

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings from environment variables; one that is not set has its default.

        Raises
        ------
        SettingsError
            A value is malformed or out of bounds, or a variable of the prefix is no setting.
        """
        env = Env(eager=False, prefix=PREFIX)
        abouts, defaults = table(), cls()
        values = {name: _read(env, name, getattr(defaults, name), about) for name, about in abouts.items()}
        known = {PREFIX + name.upper(): about for name, about in abouts.items()}
        problems = [
            f"{name} is no setting; the settings are {', '.join(known)}"
            for name in sorted(os.environ)
            if name.startswith(PREFIX) and name not in known
        ]
        try:
            env.seal()
        except EnvValidationError as error:
            for name, messages in cast("Mapping[str, list[str]]", error.error_messages).items():
                value = "wrong" if known[name].secret else repr(os.environ[name])
                problems += [f"{name} is {value}: {message}" for message in messages]
        if problems:
            raise SettingsError("\n".join(problems))
        return cls(**values)


def table() -> dict[str, About]:
    """Return what is said of each setting, by name."""
    hints = get_type_hints(Settings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def as_markdown() -> Iterator[str]:
    """Give the table of all settings, line by line, as the README has it."""
    yield "| variable | default | unit | |"
    yield "| --- | --- | --- | --- |"
    abouts, defaults = table(), Settings()
    for field in fields(Settings):
        about, default = abouts[field.name], getattr(defaults, field.name)
        shown = ", ".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
        text = about.text
        if about.bounds is not None:
            text += f" From {about.bounds[0]} to {about.bounds[1]}."
        yield f"| `{PREFIX}{field.name.upper()}` | {f'`{shown}`' if shown else ''} | {about.unit} | {text} |"


def _read(env: Env, name: str, default: Any, about: About) -> Any:
    """Read one setting; what is wrong with it is kept in `env` until that is sealed."""
    variable = name.upper()
    if about.bounds is not None:
        return env.int(variable, default, validate=validate.Range(*about.bounds))
    if isinstance(default, Path) or default is None:
        return env.path(variable, default)
    if isinstance(default, tuple):
        entries = env.list(variable, list(default), validate=lambda texts: _check(about, *map(str.strip, texts)))
        return tuple(map(str.strip, entries or ()))
    return env.str(variable, default, validate=lambda text: _check(about, text) if text != default else None)


def _check(about: About, *texts: str) -> None:
    if about.check is not None:
        for text in texts:
            about.check(text)
