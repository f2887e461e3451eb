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
    report_font: str = Field(
        default="",
        description="The path of a font with Chinese characters, for reports as PDF; empty: the"
        " one that the system has (Debian: fonts-noto-cjk).",
    )
    http_host: str = Field(default="127.0.0.1", description="Where the API listens.")
    http_port: int = Field(default=8000, ge=0, le=65_535, description="Its port.")
    public_url: str = Field(
        default="",
        description="How the outside names this installation, for links: https://gemba.example",
    )
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


class NotifySettings(Installation):
    """What tells the outside."""

    webhook_timeout_s: float = Field(
        default=15.0, gt=0, le=120, description="How long a webhook's receiver has to answer."
    )
    webhooks_to_private_addresses: bool = Field(
        default=False,
        description="Whether webhooks may go to addresses of this machine and network, and by"
        " http.",
    )
    outward_days: int = Field(
        default=400,
        ge=1,
        le=3_650,
        description="For how many days events, deliveries, carriers' words and documents that went"
        " out are kept. What has not arrived stays.",
    )
    alarm_days: int = Field(
        default=400,
        ge=90,
        le=3_650,
        description="For how many days is kept what happened to alarms, and who was told.",
    )
    customer_notice_settle_s: float = Field(
        default=30.0,
        ge=0,
        le=86_400,
        description="For how many seconds a customer's date has to have moved before they are told:"
        " plans improve in the background.",
    )
    customer_notice_swing_minutes: float = Field(
        default=15.0,
        ge=0,
        le=1_440,
        description="For how many minutes, where it turned back after they were told; twice as long"
        " with every further turn of a day.",
    )
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="The mail server that messages go by, smtps://user:password@host (TLS from the"
        " first byte), smtp://user:password@host:587 (STARTTLS) or smtp+plain://localhost:1025"
        " (none, to this machine or, with GEMBA_WEBHOOKS_TO_PRIVATE_ADDRESSES, this network);"
        " empty: what is configured in gemba.",
    )
    smtp_from: str = Field(
        default="",
        description="The address its mails come from: gemba@plant.example; empty: gemba@ and the"
        " host of GEMBA_PUBLIC_URL.",
    )
    notification_timeout_s: float = Field(
        default=30.0, gt=0, le=120, description="How long a provider has to take a message."
    )
    notification_hours: int = Field(
        default=24,
        ge=1,
        le=240,
        description="After so many hours a message that could not be sent is given up.",
    )
    notification_bounces: int = Field(
        default=3,
        ge=1,
        le=100,
        description="An address that refuses so many messages in a row, for good, is sent nothing"
        " more until somebody releases it.",
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
    password_sign_in: bool = Field(
        default=True,
        description="Whether people may sign in with a password of gemba; false: with the OpenID"
        " provider only.",
    )
    oidc_issuer: str = Field(
        default="",
        description="The OpenID Connect provider people sign in with, by its issuer:"
        " https://login.example/realm; empty: none.",
    )
    oidc_client_id: str = Field(default="", description="What the provider calls gemba.")
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""),
        description="What gemba shows the provider; empty: a public client (PKCE alone).",
    )
    oidc_name: str = Field(
        default="OpenID", description="What the button on the sign-in page is called."
    )
    oidc_scopes: str = Field(
        default="openid profile email", description="What the provider is asked for."
    )
    oidc_algorithms: tuple[str, ...] = Field(
        default=("RS256", "ES256", "PS256", "EdDSA"),
        description="How its tokens may be signed, as JSON; never with a shared secret.",
    )
    oidc_users: str = Field(
        default="known",
        pattern="^(known|create)$",
        description="Who may come in: known (an administrator made the account, and the provider"
        " vouches for its e-mail address), or create (accounts are made at the first sign-in).",
    )
    oidc_role_claim: str = Field(
        default="groups",
        description="Which claim says what somebody is here for; a dot leads inside.",
    )
    oidc_roles: dict[str, str] = Field(
        default_factory=dict,
        description='Which of its values means which role, as JSON: {"shift-leads": "supervisor"};'
        " of several the first counts. Empty: roles are given in gemba.",
    )
    oidc_sites_claim: str = Field(
        default="",
        description="Which claim lists the sites somebody is limited to; empty: given in gemba.",
    )
    oidc_customer_claim: str = Field(
        default="",
        description="Which claim names the customer of people with the role customer.",
    )
