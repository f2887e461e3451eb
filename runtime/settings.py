"""The settings of an installation, from `GEMBA_*` variables, and one frozen view per service.

The embedded installation needs none: the supervisor (`launch`) starts the backends, and hands their
addresses to the services in these same variables. Each may be given by a file instead, see
`runtime.secret_files`.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runtime.secret_files import SecretFiles


class Installation(BaseSettings):
    """What all services share. An empty URL means: the embedded backend of this data directory."""

    model_config = SettingsConfigDict(env_prefix="GEMBA_", frozen=True, extra="ignore")

    data_dir: Path = Field(
        default=Path("var"),
        description="Everything the installation keeps: data, secrets, outboxes, logs.",
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="A PostgreSQL of your own (15 or newer; TimescaleDB is used where it is there),"
        " postgresql://user:password@host/database; empty: embedded.",
    )
    stream_url: str = Field(
        default="embedded://",
        description="The stream log: embedded:// (in the same PostgreSQL) or kafka://host:9092",
    )
    redis_url: SecretStr = Field(
        default=SecretStr(""),
        description="A Redis or Valkey of your own, redis://:password@host; empty: embedded.",
    )
    mqtt_url: SecretStr = Field(
        default=SecretStr(""),
        description="An MQTT broker of your own, mqtt://user:password@host or mqtts://…; empty:"
        " embedded.",
    )
    mqtt_broker: str = Field(
        default="",
        pattern="^(|amqtt|mosquitto)$",
        description="Which broker is embedded: amqtt or mosquitto; empty: Mosquitto where it is"
        " installed, else amqtt.",
    )
    installation_key: SecretStr = Field(
        default=SecretStr(""),
        description="The key that signs tokens, one for all services and commands; empty: made at"
        " the first start, in GEMBA_DATA_DIR/secrets/installation.key.",
    )
    http_host: str = Field(default="127.0.0.1", description="Where the API listens.")
    http_port: int = Field(default=8000, ge=0, le=65_535, description="Its port.")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - ours name their files
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code, then by files, then in the environment."""
        return init_settings, SecretFiles(settings_cls), env_settings


class EdgeSettings(Installation):
    """The gateway."""

    gateway: str = Field(
        default="gateway-1",
        description="Its name and MQTT client id: one per gateway of an installation.",
    )
    linger_ms: int = Field(
        default=50, ge=0, le=1_000, description="How long a frame waits at most for more samples."
    )
    frame_samples: int = Field(
        default=500, ge=1, le=5_000, description="How many samples a frame may hold."
    )
    outbox_max_bytes: int = Field(
        default=2 * 1024**3,
        description="How large the outbox on disk may grow before the gateway takes no more"
        " messages.",
    )


class StreamsSettings(Installation):
    """The stream worker."""

    commit_linger_ms: int = Field(
        default=8,
        ge=0,
        le=1_000,
        description="How long a transaction of telemetry waits for more records.",
    )
    roll_up_linger_ms: int = Field(
        default=50, ge=0, le=1_000, description="The same for the roll-up of orders."
    )
    batch_records: int = Field(
        default=200, ge=1, le=10_000, description="How many records a transaction takes at most."
    )
    unknown_machine: str = Field(
        default="adopt",
        pattern="^(adopt|quarantine)$",
        description="A machine nobody configured: adopt it, or put its messages into quarantine.",
    )
    unplanned: str = Field(
        default="create",
        pattern="^(create|quarantine)$",
        description="A work order nobody planned: create it, or put its messages into quarantine.",
    )
    poison_limit: int = Field(
        default=50, ge=1, description="So many poison records in a row stop a partition."
    )


class SchedulerSettings(Installation):
    """The planner."""

    scheduler_workers: int = Field(
        default=2,
        ge=1,
        le=64,
        description="So many planning scopes get their first plan at the same time.",
    )


class ApiSettings(Installation):
    """The API and the live hub."""

    allowed_origins: tuple[str, ...] = Field(
        default=(),
        description='Further origins browsers may come from, as JSON: ["https://board.example"]',
    )
    session_hours: int = Field(
        default=12, ge=1, le=720, description="How long people stay signed in."
    )
    ui_dir: Path = Field(default=Path("realtime_ui/dist"), description="The built pages.")
    public_url: str = Field(
        default="",
        description="How the outside names this installation, for links: https://gemba.example",
    )
