"""Settings: defaults, what the environment says, every wrong one at once."""

import dataclasses
from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, as_markdown, table


def test_what_the_environment_does_not_say_has_its_default() -> None:
    assert Settings.from_environment() == Settings()


def test_the_environment_says_what_is_served_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESTIMATOR_MODEL", "models/elsewhere")
    monkeypatch.setenv("ESTIMATOR_PORT", "8123")
    assert Settings.from_environment() == dataclasses.replace(
        Settings(), model=Path("models/elsewhere"), port=8123
    )


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESTIMATOR_PORT", "eighty")
    monkeypatch.setenv("ESTIMATOR_WORKERS", "0")
    monkeypatch.setenv("ESTIMATOR_PROT", "80")
    with pytest.raises(SettingsError) as error:
        Settings.from_environment()
    message = str(error.value)
    assert "ESTIMATOR_PORT is 'eighty'" in message
    assert "ESTIMATOR_WORKERS is '0'" in message
    assert "ESTIMATOR_PROT is no setting" in message


def test_every_setting_has_a_unit_and_a_sentence_and_a_default_within_its_bounds() -> None:
    defaults = dataclasses.asdict(Settings())
    assert list(table()) == list(defaults)
    for name, about in table().items():
        assert about.unit
        assert about.text.endswith(".")
        if about.bounds is not None:
            low, high = about.bounds
            assert low <= defaults[name] <= high


def test_the_readme_has_the_table_of_settings() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition("held by a test -->\n")
    assert rest.partition("\n<!-- end of settings -->")[0] == "\n".join(as_markdown())
