"""The settings of an installation, from `GEMBA_*` variables, and one frozen view per service.

The embedded installation needs none: the supervisor (`launch`) starts the backends, and hands their
addresses to the services in these same variables.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Installation(BaseSettings):
    """What all services share. An empty URL means: the embedded backend of this data directory."""

    model_config = SettingsConfigDict(env_prefix="GEMBA_", frozen=True, extra="ignore")

    data_dir: Path = Field(
        default=Path("var"), description="Everything the installation keeps: data, secrets, outbox."
    )
    database_url: SecretStr = Field(default=SecretStr(""), description="postgresql://…")
    stream_url: str = Field(default="embedded://", description="embedded:// or kafka://host:9092")
    redis_url: SecretStr = Field(default=SecretStr(""), description="redis://…")
    mqtt_url: SecretStr = Field(default=SecretStr(""), description="mqtt://user:password@host:1883")
    mqtt_broker: str = Field(
        default="",
        pattern="^(|amqtt|mosquitto)$",
        description="The embedded broker; empty: mosquitto where it is installed, else amqtt.",
    )
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65_535)
    log_level: str = "INFO"


class EdgeSettings(Installation):
    """The gateway."""

    gateway: str = Field(default="gateway-1", description="Its name and MQTT client id.")
    linger_ms: int = Field(default=50, ge=0, le=1_000, description="Longest wait.")
    frame_samples: int = Field(default=500, ge=1, le=5_000)
    outbox_max_bytes: int = Field(default=2 * 1024**3, description="Outbox size that means: full.")


class StreamsSettings(Installation):
    """The stream worker."""

    commit_linger_ms: int = Field(default=8, ge=0, le=1_000)
    roll_up_linger_ms: int = Field(default=50, ge=0, le=1_000)
    batch_records: int = Field(default=200, ge=1, le=10_000)
    unknown_machine: str = Field(default="adopt", pattern="^(adopt|quarantine)$")
    unplanned: str = Field(default="create", pattern="^(create|quarantine)$")
    poison_limit: int = Field(
        default=50, ge=1, description="Poison records in a row that stop a partition."
    )


class SchedulerSettings(Installation):
    """The planner."""

    scheduler_workers: int = Field(
        default=2, ge=1, le=64, description="Scopes whose first plan is made at the same time."
    )


class ApiSettings(Installation):
    """The API and the live hub."""

    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Further origins (scheme://host:port) that browsers may come from."
    )
    session_hours: int = Field(default=12, ge=1, le=720)
    ui_dir: Path = Path("realtime_ui/dist")
    public_url: str = Field(default="", description="How the outside names this installation.")
