"""Settings of the service: one table, read from environment variables once, before anything starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self, cast, get_type_hints

from environs import Env, EnvValidationError

from estimator.errors import EstimatorError
from service.setting_info import CHECK_GEOCODER, CHECK_ORIGIN, SettingInfo, check_rate, matching, read_setting

PREFIX = "ESTIMATOR_"


class SettingsError(EstimatorError):
    """Settings are invalid; the message lists all of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a server. The environment variable `ESTIMATOR_PORT` sets `port`, and so on."""

    model: Annotated[
        Path,
        SettingInfo(
            "path",
            "Model to serve. `models/<market>` serves the market's published version, and follows when another"
            " version is published. The folder of a version serves that version only.",
        ),
    ] = Path("models/king_county")
    key_file: Annotated[
        Path | None,
        SettingInfo(
            "path",
            "File with a secret key of at least 32 bytes. `train` and `refresh` sign saved versions with it, and"
            " `fit-list-prices` what it saves; the server uses nothing that is not signed with it. Empty:"
            " signatures are not checked.",
        ),
    ] = None
    host: Annotated[
        str,
        SettingInfo("address", "Address to listen on. The default accepts connections from this machine only."),
    ] = "127.0.0.1"
    port: Annotated[int, SettingInfo("port", "Port to listen on.", (1, 65535))] = 8000
    workers: Annotated[
        int,
        SettingInfo(
            "processes",
            "Number of worker processes. Each loads its own copy of the model. Use one per CPU core.",
            (1, 256),
        ),
    ] = 2
    threads: Annotated[
        int,
        SettingInfo(
            "threads per worker",
            "Requests that a worker handles at a time. Further requests wait for their turn, small ones first."
            " More threads are not faster, because valuing homes keeps a core busy; they let small requests be"
            " answered while large ones are computed.",
            (1, 1024),
        ),
    ] = 16
    max_concurrent: Annotated[
        int,
        SettingInfo(
            "requests",
            "Maximum number of requests that are in progress or wait, not counting health checks and metrics."
            " Further requests get status 503 with Retry-After. The default is what two workers can answer within"
            " `request_seconds`, unless all are large.",
            (1, 65536),
        ),
    ] = 256
    max_connections: Annotated[
        int,
        SettingInfo(
            "connections",
            "Maximum number of open connections. For one more, the connection whose client has been idle for"
            " longest is closed. An idle connection takes 20 kB.",
            (8, 65536),
        ),
    ] = 4096
    buffer_memory: Annotated[
        int,
        SettingInfo(
            "bytes",
            "Memory for bodies that arrive and wait and for answers that clients have not yet taken. When it is"
            " used up, bodies over 64 kB get status 503 with Retry-After. The default is enough for 32 bodies of"
            " the largest size.",
            (2**20, 2**36),
        ),
    ] = 256 * 2**20
    header_timeout: Annotated[
        int,
        SettingInfo(
            "seconds", "Time a client has to send its request headers before it is disconnected.", (1, 60)
        ),
    ] = 10
    body_timeout: Annotated[
        int,
        SettingInfo(
            "seconds",
            "Time a client has to send a body, or to receive an answer. A body that takes longer gets status 408."
            " The default lets 8 MiB arrive over 1.2 Mbit/s.",
            (1, 3600),
        ),
    ] = 60
    body_rate: Annotated[
        int,
        SettingInfo(
            "bytes per second",
            "Least rate of a body or an answer after its first 10 seconds. A body that is slower gets status 408."
            " The default is below any working connection.",
            (1, 2**30),
        ),
    ] = 1000
    idle_timeout: Annotated[
        int,
        SettingInfo(
            "seconds",
            "Time after which a connection without a request is closed. The default is longer than the 60 seconds"
            " that proxies keep theirs, so that a proxy does not use one that is just being closed.",
            (1, 3600),
        ),
    ] = 75
    request_seconds: Annotated[
        int,
        SettingInfo(
            "seconds",
            "Time in which a request whose body has arrived must be answered, waiting for its turn included. After"
            " it, the request is stopped and gets status 503 with Retry-After, never a part of an answer. The"
            " default is what most clients and proxies wait.",
            (1, 600),
        ),
    ] = 30
    stop_timeout: Annotated[
        int,
        SettingInfo(
            "seconds",
            "Grace period for in-flight requests after SIGTERM. Requests still running after it are cut off.",
            (1, 1800),
        ),
    ] = 30
    max_body: Annotated[
        int,
        SettingInfo(
            "bytes",
            "Maximum size of a request body, before and after decompression. The default is enough for `max_rows`"
            " homes with all facts.",
            (1024, 2**30),
        ),
    ] = 8 * 2**20
    max_rows: Annotated[
        int,
        SettingInfo(
            "homes",
            "Maximum number of homes in a request. The default takes at most three seconds of one core"
            " (`benchmarks/request_costs.py`).",
            (1, 1_000_000),
        ),
    ] = 10_000
    max_reasons: Annotated[
        int,
        SettingInfo(
            "homes × reasons",
            "Maximum number of reasons in an answer: homes times entries of `include`. A home with `comparables`"
            " and four `what_if` facts counts five. `contributions` take longer and count as three, or more in a"
            " market with more facts. The default takes at most three seconds of one core"
            " (`benchmarks/request_costs.py`) and gives an answer of about 3 MB.",
            (1, 100_000),
        ),
    ] = 400
    api_keys: Annotated[
        tuple[str, ...],
        SettingInfo(
            "comma-separated SHA-256 hashes",
            "SHA-256 hashes (64 lowercase hexadecimal digits) of the accepted API keys. Clients send a key as"
            " `Authorization: Bearer <key>` or `X-API-Key: <key>`. List the old and the new hash while clients"
            " change keys. Empty: no key is required.",
            check=matching(
                "[0-9a-f]{64}",
                "an entry must be the SHA-256 hash of a key (64 lowercase hexadecimal digits), not the key",
            ),
            secret=True,
        ),
    ] = ()
    rate_limit: Annotated[
        str,
        SettingInfo(
            "requests per time",
            "Rate limit of each API key, or of each client address (of IPv6 addresses, each /64 network) where"
            " no keys are required, such as `20/second; 1000/hour`. Requests above it get status 429 with"
            " Retry-After. Empty: no limit.",
            check=check_rate,
        ),
    ] = ""
    rate_limit_storage: Annotated[
        str,
        SettingInfo(
            "URL",
            "Where requests are counted for `rate_limit`. With `memory://` each worker counts on its own, so N"
            " workers together allow N times as many requests. With `redis://…` all workers share one count.",
            check=matching(
                r"(memory://|rediss?://\S+|redis\+unix://\S+)", "the value must be memory:// or a Redis URL"
            ),
            secret=True,
        ),
    ] = "memory://"
    proxies: Annotated[
        int,
        SettingInfo(
            "proxies",
            "Number of reverse proxies in front of the server whose X-Forwarded-For header is trusted. If it is"
            " set too high, or clients can reach the server without the proxy, they can forge their address.",
            (0, 5),
        ),
    ] = 0
    trusted_hosts: Annotated[
        tuple[str, ...],
        SettingInfo(
            "comma-separated host names",
            "Accepted values of the Host header. A leading dot includes subdomains. Empty: any host.",
            check=matching(r"\.?[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]", "an entry must be a host name without a port"),
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...],
        SettingInfo(
            "comma-separated origins",
            "Other web sites whose pages may call this server (CORS), such as `https://app.example.com`."
            " Empty: none.",
            check=CHECK_ORIGIN,
        ),
    ] = ()
    geocoder: Annotated[
        str,
        SettingInfo(
            "URL",
            "Address search of another server, with `{query}` for the address, such as"
            " `https://nominatim.example.com/search?format=json&q={query}`. Its answer may be that of Nominatim,"
            " Photon, Pelias or a similar service. What users of the web page type as an address is sent there"
            " when they ask for it. Empty: none.",
            check=CHECK_GEOCODER,
        ),
    ] = ""
    jobs_folder: Annotated[
        Path,
        SettingInfo(
            "path",
            "Folder in which `POST /jobs` keeps tables and results until they expire. It is created with the first"
            " job. Servers that share it share their jobs.",
        ),
    ] = Path("jobs")
    jobs_disk: Annotated[
        int,
        SettingInfo(
            "bytes",
            "Room for all jobs together: half for tables that wait, half for results, complete or not. When"
            " either is full, further jobs get status 507. The default is enough for the results of 15 million"
            " homes.",
            (2**20, 2**44),
        ),
    ] = 8 * 2**30
    max_jobs: Annotated[
        int,
        SettingInfo(
            "jobs",
            "Maximum number of stored jobs of each API key, or of all clients where no keys are required,"
            " whatever their state. Further jobs get status 429 until one is deleted or expires.",
            (1, 1000),
        ),
    ] = 20
    job_max_body: Annotated[
        int,
        SettingInfo(
            "bytes",
            "Maximum size of the body of `POST /jobs`, as it is sent. The default is about 600,000 homes with all"
            " facts as CSV, and some millions compressed or as Parquet.",
            (1024, 2**36),
        ),
    ] = 64 * 2**20
    job_max_rows: Annotated[
        int,
        SettingInfo(
            "homes",
            "Maximum number of homes in a job. The default takes about four minutes of one core.",
            (1, 1_000_000_000),
        ),
    ] = 5_000_000
    job_hours: Annotated[
        int,
        SettingInfo(
            "hours",
            "Time for which a job and its result are kept after it has ended. The default covers a weekend.",
            (1, 8760),
        ),
    ] = 72
    webhook_origins: Annotated[
        tuple[str, ...],
        SettingInfo(
            "comma-separated origins",
            "Hosts that the server may tell that a job has ended, with scheme and port, such as"
            " `https://hooks.example.com`. Empty: no job may have a `webhook`.",
            check=CHECK_ORIGIN,
        ),
    ] = ()

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings from environment variables; a variable that is not set has its default.

        Raises
        ------
        SettingsError
            Values are malformed or out of bounds, or a variable with the prefix is not a setting.
        """
        env = Env(eager=False, prefix=PREFIX)
        infos, defaults = setting_infos(), cls()
        values = {name: read_setting(env, name, getattr(defaults, name), info) for name, info in infos.items()}
        known = {PREFIX + name.upper(): info for name, info in infos.items()}
        problems = [
            f"{name} is not a setting; the settings are {', '.join(known)}"
            for name in sorted(os.environ)
            if name.startswith(PREFIX) and name not in known
        ]
        try:
            env.seal()
        except EnvValidationError as error:
            for name, messages in cast("Mapping[str, list[str]]", error.error_messages).items():
                value = "invalid" if known[name].secret else repr(os.environ[name])
                problems += [f"{name} is {value}: {message}" for message in messages]
        if problems:
            raise SettingsError("\n".join(problems))
        return cls(**values)


def setting_infos() -> dict[str, SettingInfo]:
    """Return the information about each setting, by name, in the order of `Settings`."""
    hints = get_type_hints(Settings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}
