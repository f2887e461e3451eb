"""How a command on the same machine reaches the installation of its data directory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from launch.installation import Addresses, InstallationError, read_installation
from runtime.secrets import checked_key, read_secret
from runtime.settings import Installation as Settings
from runtime.tokens import issue_token

_COMMAND_TOKEN_DAYS = 1


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Addresses, and the right to use them."""

    addresses: Addresses = field(repr=False)
    token: str = field(repr=False)


def reach(settings: Settings, *, role: str = "admin") -> Reach:
    """The installation's addresses, and a token for the command's own use.

    Raises:
        InstallationError: none is running there, and no addresses are set.
    """
    return Reach(
        addresses=addresses_of(settings),
        token=token_of(
            settings.data_dir,
            role=role,
            days=_COMMAND_TOKEN_DAYS,
            subject="gemba",
            key=settings.installation_key.get_secret_value(),
        ),
    )


def addresses_of(settings: Settings) -> Addresses:
    """Addresses from the settings; those left empty from the running installation.

    Raises:
        InstallationError: none is running there, and not all addresses are set.
    """
    database_url = settings.database_url.get_secret_value()
    redis_url = settings.redis_url.get_secret_value()
    mqtt_url = settings.mqtt_url.get_secret_value()
    running: Addresses | None = None
    if database_url and redis_url and mqtt_url:
        with suppress(InstallationError):
            running = read_installation(settings.data_dir).addresses
    else:
        running = read_installation(settings.data_dir).addresses
    if running is None:
        return Addresses(
            database_url=database_url,
            stream_url=settings.stream_url,
            redis_url=redis_url,
            mqtt_url=mqtt_url,
            machine_mqtt_url=mqtt_url,
            http_url=f"http://{settings.http_host}:{settings.http_port}",
        )
    return Addresses(
        database_url=database_url or running.database_url,
        stream_url=running.stream_url,
        redis_url=redis_url or running.redis_url,
        mqtt_url=mqtt_url or running.mqtt_url,
        machine_mqtt_url=mqtt_url or running.machine_mqtt_url,
        http_url=running.http_url,
    )


def token_of(
    data_dir: Path,
    *,
    role: str,
    sites: tuple[str, ...] = (),
    days: float = 1,
    subject: str = "token",
    key: str = "",
    lines: tuple[str, ...] = (),
    customer: str | None = None,
) -> str:
    """A bearer token signed with the key of the settings, else of the one in the data directory.

    Raises:
        InstallationError: there has never been an installation, or the key is no good.
    """
    try:
        key = checked_key(key) if key else read_secret(data_dir / "secrets" / "installation.key")
    except ValueError as error:
        raise InstallationError(str(error)) from error
    except FileNotFoundError as error:
        raise InstallationError(
            f"there is no installation in {data_dir} (its key is made at the first start); "
            "start one with `gemba up`, or set GEMBA_DATA_DIR to its data directory"
        ) from error
    except PermissionError as error:
        raise InstallationError(
            f"the key of the installation in {data_dir} belongs to another user"
        ) from error
    return issue_token(
        key, role=role, sites=sites, days=days, subject=subject, lines=lines, customer=customer
    )
