"""The image and the compose file name what exists; `make lint` checks the Dockerfile itself."""

import re
from typing import Any

import yaml

from service.settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def test_the_image_is_made_of_files_that_it_may_see() -> None:
    seen = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = re.findall(r"^COPY ([^-].*) \S+$", DOCKERFILE, re.MULTILINE)
    assert {name for names in copied for name in names.split()} == seen
    assert all((ROOT / name).exists() for name in seen)


def test_the_compose_file_sets_settings_that_exist_and_mounts_files_that_exist() -> None:
    names = {f"ESTIMATOR_{name.upper()}" for name in Settings.__dataclass_fields__}
    environment = compose()["estimator"]["environment"]
    assert set(environment) <= names
    assert environment["ESTIMATOR_MODEL"] == "models/king_county"
    for service in compose().values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists(), source


def test_nginx_reaches_the_server_where_it_listens_and_writes_where_it_may() -> None:
    nginx = (DEPLOY / "nginx.conf").read_text()
    assert compose()["nginx"]["network_mode"] == "service:estimator"
    assert f"server {Settings().host}:{Settings().port};" in nginx
    assert set(re.findall(r"_temp_path (/\S+)/\w+;", nginx)) == set(compose()["nginx"]["tmpfs"])
    assert f"http://127.0.0.1:{Settings().port}/readyz" in DOCKERFILE
