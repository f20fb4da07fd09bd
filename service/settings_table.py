"""The table of all settings in docs/settings.md, made from the settings themselves."""

from collections.abc import Iterator
from dataclasses import fields

from service.settings import PREFIX, Settings, setting_infos


def settings_table() -> Iterator[str]:
    """Yield the Markdown table of all settings, line by line."""
    yield "| variable | default | unit | description |"
    yield "| --- | --- | --- | --- |"
    infos, defaults = setting_infos(), Settings()
    for field in fields(Settings):
        info, default = infos[field.name], getattr(defaults, field.name)
        shown = ", ".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
        text = info.description
        if info.bounds is not None:
            text += f" From {info.bounds[0]} to {info.bounds[1]}."
        yield f"| `{PREFIX}{field.name.upper()}` | {f'`{shown}`' if shown else ''} | {info.unit} | {text} |"
