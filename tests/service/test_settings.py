"""Settings: their defaults, the environment, and errors that list every invalid value."""

import dataclasses
from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, setting_infos
from service.settings_table import settings_table


def test_variables_that_are_not_set_have_their_defaults() -> None:
    assert Settings.from_environment() == Settings()


def test_the_environment_sets_the_model_and_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESTIMATOR_MODEL", "models/elsewhere")
    monkeypatch.setenv("ESTIMATOR_PORT", "8123")
    assert Settings.from_environment() == dataclasses.replace(
        Settings(), model=Path("models/elsewhere"), port=8123
    )


def test_all_invalid_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESTIMATOR_PORT", "eighty")
    monkeypatch.setenv("ESTIMATOR_WORKERS", "0")
    monkeypatch.setenv("ESTIMATOR_PROT", "80")
    with pytest.raises(SettingsError) as error:
        Settings.from_environment()
    message = str(error.value)
    assert "ESTIMATOR_PORT is 'eighty'" in message
    assert "ESTIMATOR_WORKERS is '0'" in message
    assert "ESTIMATOR_PROT is not a setting" in message


def test_every_setting_has_a_unit_a_sentence_and_a_default_within_its_bounds() -> None:
    defaults = dataclasses.asdict(Settings())
    assert list(setting_infos()) == list(defaults)
    for name, info in setting_infos().items():
        assert info.unit
        assert info.description.endswith(".")
        if info.bounds is not None:
            low, high = info.bounds
            assert low <= defaults[name] <= high


def test_the_settings_page_has_the_table_of_settings() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("<!-- settings -->\n")
    assert rest.partition("\n<!-- end of settings -->")[0] == "\n".join(settings_table())
