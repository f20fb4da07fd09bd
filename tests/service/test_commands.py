"""The console script `house-price` and the options of the server."""

import subprocess
import sys
from importlib.metadata import entry_points

from service.settings import PREFIX, setting_infos
from tests.conftest import environment

SCRIPT = "import sys; from service.commands import main; sys.argv[0] = 'house-price'; main()"


def run(*command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=environment(**variables), check=False
    )


def test_the_script_has_the_estimators_commands_and_serve() -> None:
    shown = run("-c", SCRIPT, "--help")
    assert shown.returncode == 0, shown.stderr
    for command in ("train", "predict", "evaluate", "screen", "report", "tune", "fit-list-prices", "serve"):
        assert f"  {command} " in shown.stdout


def test_the_project_declares_the_script() -> None:
    (script,) = entry_points(group="console_scripts", name="house-price")
    assert script.value == "service.commands:main"


def test_the_script_and_python_m_estimator_print_the_version() -> None:
    for command in (("-c", SCRIPT), ("-m", "estimator")):
        shown = run(*command, "--version")
        assert shown.returncode == 0, shown.stderr
        assert "0.1.0" in shown.stdout


def test_help_for_the_server_lists_every_setting_that_is_no_secret_and_starts_nothing() -> None:
    shown = run("-m", "service", "--help")
    assert shown.returncode == 0, shown.stderr
    for name, setting in setting_infos().items():
        assert (f"--{name.replace('_', '-')} " in shown.stdout) != setting.secret
    assert run("-c", SCRIPT, "serve", "--help").stdout == shown.stdout


def test_an_option_overrides_its_environment_variable(tmp_path: object) -> None:
    chosen = run("-m", "service", "--model", f"{tmp_path}/chosen", **{f"{PREFIX}MODEL": f"{tmp_path}/other"})
    assert chosen.returncode == 2
    assert f"{tmp_path}/chosen" in chosen.stderr
    assert f"{tmp_path}/other" not in chosen.stderr


def test_a_wrong_option_is_reported_by_its_name() -> None:
    wrong = run("-m", "service", "--port", "http")
    assert wrong.returncode == 2
    assert "ESTIMATOR_PORT" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    unknown = run("-m", "service", "--prot", "80")
    assert unknown.returncode == 2
    assert "--port" in unknown.stderr
