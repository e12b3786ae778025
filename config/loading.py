"""Reads the settings from their three sources and explains what is wrong with them in one go."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import EnvSettingsSource, InitSettingsSource

from config.errors import ConfigError
from config.keys import without_refused
from config.settings import Section, Settings

PREFIX = "WARMLINK_"
NOT_SETTINGS = frozenset({"WARMLINK_CONFIG", "WARMLINK_MASTER_KEY"})
"""Variables of ours that are no settings: where the file is, and the development key."""
SECRET = f"{PREFIX}SECRET_"
"""Variables that hold a secret that a feed file names: `lkc-sftp-key` is WARMLINK_SECRET_LKC_SFTP_KEY."""


def load(path: Path, environment: Mapping[str, str]) -> Settings:
    """The settings in force, or a ConfigError that lists every fault with the nearest right name."""
    _refuse_unknown_variables(environment)
    return _settled(path, read_toml(path), environment)


def load_known(path: Path, environment: Mapping[str, str]) -> Settings:
    """What this program understands of a configuration that may be of another version: to look at, never to work by."""
    known = {name: value for name, value in environment.items() if name.upper() in _known_variables()}
    return _settled(path, without_refused(read_toml(path)), known)


def _settled(path: Path, document: dict[str, Any], environment: Mapping[str, str]) -> Settings:
    sources = _Sources.of(document, environment, path.parent)
    try:
        merged = sources()
        return Settings.model_validate({**merged.model_dump(exclude_unset=True), "home": path.parent.resolve()})
    except ValidationError as fault:
        raise ConfigError(f"{path.name}: " + "; ".join(explain(e) for e in fault.errors())) from None


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as fault:
        raise ConfigError(f"there is no configuration file {path}; `warmlink init DIR` makes one") from fault
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"the configuration file {path} cannot be read: {fault}") from fault


class _Sources:
    """pydantic-settings over an explicit environment: nothing is read behind the caller's back."""

    @staticmethod
    def of(document: dict[str, Any], environment: Mapping[str, str], home: Path) -> type[BaseSettings]:
        secrets = document.get("secrets_dir") or environment.get(f"{PREFIX}SECRETS_DIR")
        folder = home / secrets if secrets else None
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"secrets_dir: there is no folder {folder}")

        class Merged(Settings, BaseSettings):
            model_config = SettingsConfigDict(
                env_prefix=PREFIX, env_nested_delimiter="__", secrets_dir=folder, extra="forbid", frozen=True
            )

            @classmethod
            def settings_customise_sources(
                cls,
                settings_cls: type[BaseSettings],
                init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
                env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
                dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
                file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                toml = InitSettingsSource(settings_cls, init_kwargs=document)
                given = _GivenEnvironment(settings_cls, environment)
                return (given, *((_NestedSecrets(settings_cls, folder),) if folder else ()), toml)

        return Merged


class _GivenEnvironment(EnvSettingsSource):
    """Environment variables from an argument instead of the process."""

    def __init__(self, settings_cls: type[BaseSettings], environment: Mapping[str, str]) -> None:
        self._given = {name.lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return dict(self._given)


class _NestedSecrets(_GivenEnvironment):
    """One file per variable, named as the variable is (WARMLINK_MAIL__PASSWORD), its content the value."""

    def __init__(self, settings_cls: type[BaseSettings], folder: Path) -> None:
        files = {f.name.upper(): f.read_text("utf-8").strip() for f in sorted(folder.iterdir()) if f.is_file()}
        _refuse_unknown_variables(files)
        super().__init__(settings_cls, files)


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = _known_variables()
    given = {name.upper() for name in environment if name.upper().startswith(PREFIX)} - NOT_SETTINGS
    unknown = sorted(name for name in given if name not in known and not name.startswith(SECRET))
    if unknown:
        hints = [f"{name}{_nearest(name, known)}" for name in unknown]
        raise ConfigError(f"unknown environment variables: {', '.join(hints)}")


def _known_variables() -> frozenset[str]:
    return frozenset(f"{PREFIX}{name}".upper() for name in _variable_names(Settings))


def _variable_names(model: type[BaseModel], lead: str = "") -> Iterable[str]:
    for name, info in model.model_fields.items():
        yield lead + name
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield from _variable_names(info.annotation, f"{lead}{name}__")


def explain(error: ErrorDetails) -> str:
    """One fault of one setting, without its value, with the nearest right name where the name is wrong."""
    where = ".".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown setting {where}{_nearest(str(error['loc'][-1]), _siblings(error['loc'][:-1]))}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _siblings(loc: tuple[int | str, ...]) -> Iterable[str]:
    model: type[BaseModel] = Settings
    for part in loc:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        annotation = model.model_fields[part].annotation
        inner = get_args(annotation)[0] if get_origin(annotation) is tuple else annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return model.model_fields


def _nearest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def secret(settings: Settings, environment: Mapping[str, str], name: str) -> str:
    """The secret of that name, from the environment or else from a file in `secrets_dir`. Never from the configuration."""
    variable = SECRET + name.upper().replace("-", "_")
    if variable in environment:
        return environment[variable]
    file = settings.at(settings.secrets_dir) / name if settings.secrets_dir else None
    if file is None or Path(name).name != name or not file.is_file():
        raise ConfigError(f"there is no secret '{name}': set {variable}, or put a file of that name into secrets_dir")
    return file.read_text("utf-8").strip()


def shown(settings: Settings) -> dict[str, Any]:
    """The settings as they are in force, secrets masked, for `warmlink config show`."""
    document: dict[str, Any] = settings.model_dump(mode="json", exclude={"home"})
    return document
