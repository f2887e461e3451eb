"""What a Kafka stream URL means: servers, encryption, who we are, and how topics are made.

`kafka://host:9092[;host:9092…]` speaks in clear, `kafka+ssl://…` by TLS. A user and a password in
the URL (percent-encoded) mean SASL. Further options stand behind a question mark:

- `mechanism`: PLAIN (default), SCRAM-SHA-256 or SCRAM-SHA-512;
- `ca`: file with the certificates of the authorities that are trusted (default: the system's);
- `cert`, `key`: files with a client's own certificate and key;
- `replicas`: of new topics (default: three, or as many as there are brokers);
- `topic_settings=theirs`: topics that exist keep the settings that somebody else gave them.
"""

from __future__ import annotations

import dataclasses
import logging
import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from store.log import LogError

SCHEMES: Final = ("kafka", "kafka+ssl")
DEFAULT_PORT: Final = 9092
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
OPTIONS: Final = ("mechanism", "ca", "cert", "key", "replicas", "topic_settings")
_MAX_REPLICAS: Final = 99


@dataclasses.dataclass(frozen=True, kw_only=True)
class KafkaAddress:
    """A parsed stream URL. Its text shows no password."""

    servers: tuple[str, ...]
    """`host:port` of some brokers; the others are learnt from them."""
    tls: bool = False
    user: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    mechanism: str = "PLAIN"
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = dataclasses.field(default=None, repr=False)
    replicas: int | None = None
    keep_settings: bool = False

    def __str__(self) -> str:
        return f"{'kafka+ssl' if self.tls else 'kafka'}://{';'.join(self.servers)}"

    @property
    def protocol(self) -> str:
        """Kafka's name of how it is spoken to."""
        if self.user is not None:
            return "SASL_SSL" if self.tls else "SASL_PLAINTEXT"
        return "SSL" if self.tls else "PLAINTEXT"

    def client_options(self) -> dict[str, Any]:
        """The arguments that every client of aiokafka takes alike.

        Raises:
            LogError: a certificate or key cannot be read.
        """
        options: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "security_protocol": self.protocol,
        }
        if self.tls:
            options["ssl_context"] = self._ssl_context()
        if self.user is not None:
            logging.getLogger("aiokafka.conn").addFilter(_hides_passwords)
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.user
            options["sasl_plain_password"] = self.password
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise LogError(f"stream {self}: its certificates cannot be read: {error}") from error
        return context


def _hides_passwords(record: logging.LogRecord) -> bool:
    """Leave out of aiokafka's debugging log the requests that carry a password."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    return not any(type(one).__name__.startswith("SaslAuthenticate") for one in arguments)


def is_kafka(stream_url: str) -> bool:
    """Whether the URL means Kafka."""
    return urlsplit(stream_url).scheme in SCHEMES


def parse(stream_url: str) -> KafkaAddress:
    """The address that a URL means; no message of an error shows a password.

    Raises:
        LogError: the URL is none of Kafka's, or an option makes no sense.
    """
    scheme, _, rest = stream_url.partition("://")
    if scheme not in SCHEMES:
        raise LogError(f"stream URL: the scheme must be one of {', '.join(SCHEMES)}")
    before, _, query = rest.partition("?")
    # Some write the scheme before every server.
    authority = before.replace(f"{scheme}://", "").rstrip("/")
    credentials, _, hosts = authority.rpartition("@")
    servers = tuple(
        _with_port(part.strip("/")) for part in hosts.replace(",", ";").split(";") if part
    )
    if not servers:
        raise LogError(f"stream URL: no server; it must be {scheme}://host:port[;host:port…]")
    user, _, password = credentials.partition(":")
    if bool(user) != bool(password):
        raise LogError("stream URL: a user and a password, or neither")
    options = _options(query)
    if options.get("key") and not options.get("cert"):
        raise LogError("stream URL: a key without its certificate (cert)")
    if scheme == "kafka" and ({"ca", "cert"} & options.keys()):
        raise LogError("stream URL: certificates are for kafka+ssl://")
    return KafkaAddress(
        servers=servers,
        tls=scheme == "kafka+ssl",
        user=unquote(user) or None,
        password=unquote(password) or None,
        mechanism=options.get("mechanism", "PLAIN"),
        ca=_path(options.get("ca")),
        cert=_path(options.get("cert")),
        key=_path(options.get("key")),
        replicas=int(options["replicas"]) if "replicas" in options else None,
        keep_settings=options.get("topic_settings") == "theirs",
    )


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query))
    unknown = sorted(options.keys() - set(OPTIONS))
    if unknown:
        raise LogError(
            f"stream URL: unknown options {', '.join(unknown)}; there are {', '.join(OPTIONS)}"
        )
    if options.get("mechanism", "PLAIN") not in MECHANISMS:
        raise LogError(f"stream URL: mechanism must be one of {', '.join(MECHANISMS)}")
    replicas = options.get("replicas", "1")
    if not replicas.isdecimal() or not 1 <= int(replicas) <= _MAX_REPLICAS:
        raise LogError("stream URL: replicas must be a number from 1")
    if options.get("topic_settings", "ours") not in {"ours", "theirs"}:
        raise LogError("stream URL: topic_settings must be ours or theirs")
    return options


def _with_port(host: str) -> str:
    closed = host.rpartition("]")[2]  # what follows an IPv6 address in brackets
    return host if ":" in closed else f"{host}:{DEFAULT_PORT}"


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
