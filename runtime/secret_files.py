"""Settings from files: `GEMBA_<NAME>_FILE` names the file that `GEMBA_<NAME>` stands in.

So a secret reaches a container as a mounted file, and neither its environment nor `docker inspect`
shows it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError

SUFFIX: Final = "_FILE"
_MOST_BYTES: Final = 64 * 1024
"""No setting is longer; whoever names a larger file has named the wrong one."""


class SettingFileError(SettingsError):
    """A `…_FILE` variable that cannot be followed. Its text names variable and file, no content."""


class SecretFiles(PydanticBaseSettingsSource):
    """The source of settings that `…_FILE` variables name; a file's last line end is cut off.

    It comes before the environment. A variable that is there but empty counts as not given.
    """

    def __init__(self, settings: type[BaseSettings]) -> None:
        super().__init__(settings)
        self._prefix = str(self.config.get("env_prefix", ""))

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The text of the file that is named for a field; None when none is.

        Raises:
            SettingFileError: the file cannot be read, or the variable itself is given as well.
        """
        variable = f"{self._prefix}{field_name}".upper()
        path = os.environ.get(variable + SUFFIX, "")
        if not path:
            return None, field_name, False
        if os.environ.get(variable):
            raise SettingFileError(
                f"{variable} and {variable}{SUFFIX} are both given: leave one of them out"
            )
        return _text(variable + SUFFIX, Path(path)), field_name, self.field_is_complex(field)

    def __call__(self) -> dict[str, Any]:
        """All fields that are given by files."""
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, is_complex = self.get_field_value(field, name)
            if value is None:
                continue
            try:
                found[key] = self.prepare_field_value(name, field, value, is_complex)
            except ValueError:
                variable = f"{self._prefix}{name}".upper() + SUFFIX
                raise SettingFileError(
                    f"{variable}: {os.environ[variable]} is not JSON, as this setting has to be"
                ) from None
        return found


def _text(variable: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SettingFileError(f"{variable}: {path}: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise SettingFileError(f"{variable}: {path} is too large to be a setting")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise SettingFileError(f"{variable}: {path} is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SettingFileError(f"{variable}: {path} is empty")
    return text
