"""`gemba secrets`, `gemba prepare-broker` and `gemba healthy`, without a machine of their own."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import psycopg.conninfo
import pytest
from redis import Redis

from launch import certificates
from launch.certificates import CertificateError
from launch.deployment import make_secrets, prepare_broker
from launch.devices import Role, add, is_password, read
from launch.healthy import UnhealthyError, ask
from runtime import health
from runtime.health import Health, HealthState
from runtime.mqtt_url import MqttUrlError, parse_mqtt_url
from runtime.settings import Installation

PRESS = "plant-1/cutting/line-1/press-1"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    make_secrets(folder, ["mqtt.plant.example", "192.0.2.1", "2001:db8::1"])
    return folder


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


class TestSecrets:
    def test_addresses_hold_the_passwords_that_the_servers_are_given(self, secrets: Path) -> None:
        database = psycopg.conninfo.conninfo_to_dict(_text(secrets / "database_url"))
        assert database["password"] == _text(secrets / "database_password")
        assert (database["host"], database["user"], database["dbname"]) == (
            "timescaledb",
            "gemba",
            "gemba",
        )
        word, password = _text(secrets / "redis.conf").split(" ")
        assert word == "requirepass"
        assert f":{password}@redis:6379" in _text(secrets / "redis_url")
        assert parse_mqtt_url(_text(secrets / "mqtt_url")).username == "gateway"
        assert len(_text(secrets / "kafka_cluster_id")) == 22

    def test_two_installations_share_no_secret(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            make_secrets(tmp_path / name)
        for path in (tmp_path / "a").iterdir():
            assert path.read_bytes() != (tmp_path / "b" / path.name).read_bytes(), path.name

    def test_what_the_owner_has_put_there_stays(self, tmp_path: Path) -> None:
        given = "postgresql://gemba:x@db.plant.example/gemba\n"
        (tmp_path / "database_url").write_text(given, encoding="utf-8")
        made = make_secrets(tmp_path)
        assert "database_url" not in made
        assert (tmp_path / "database_url").read_text(encoding="utf-8") == given
        assert make_secrets(tmp_path) == []

    def test_an_open_folder_is_closed(self, tmp_path: Path) -> None:
        folder = tmp_path / "open"
        folder.mkdir(mode=0o755)
        make_secrets(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_an_empty_file_is_no_secret(self, tmp_path: Path) -> None:
        (tmp_path / "installation_key").touch()
        with pytest.raises(ValueError, match="installation_key is empty"):
            make_secrets(tmp_path)


class TestCertificates:
    def test_half_of_a_pair_is_refused(self, secrets: Path) -> None:
        (secrets / "server.key").unlink()
        with pytest.raises(CertificateError, match=r"server\.pem is there without server\.key"):
            make_secrets(secrets)
        (secrets / "server.pem").rename(secrets / "server.key")
        with pytest.raises(CertificateError, match=r"server\.key is there without server\.pem"):
            make_secrets(secrets)

    def test_an_authority_of_ones_own_signs_by_itself(self, secrets: Path) -> None:
        for name in ("ca.key", "server.key", "server.pem"):
            (secrets / name).unlink()
        with pytest.raises(CertificateError, match="an authority whose key is not here"):
            make_secrets(secrets)

    def test_certificates_of_ones_own_stay(self, secrets: Path) -> None:
        (secrets / "ca.key").unlink()
        assert make_secrets(secrets) == []

    @pytest.mark.parametrize("host", ["", "a b", "-x", "a,DNS:b", "x\ny", "ä", "a" * 300])
    def test_a_host_is_a_name_or_an_address(self, host: str, tmp_path: Path) -> None:
        with pytest.raises(CertificateError, match="neither a name nor an address"):
            make_secrets(tmp_path, [host])

    def test_without_openssl_it_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(CertificateError, match="openssl is not installed"):
            make_secrets(tmp_path / "secrets")
        left = [path.name for path in (tmp_path / "secrets").iterdir() if "tmp" in path.name]
        assert left == []

    def test_what_openssl_complains_of_is_passed_on(self, secrets: Path) -> None:
        (secrets / "server.key").unlink()
        (secrets / "server.pem").unlink()
        (secrets / "ca.key").chmod(0o600)
        (secrets / "ca.key").write_text("none", encoding="ascii")
        with pytest.raises(CertificateError, match="openssl x509: "):
            make_secrets(secrets)
        assert not (secrets / certificates.CERTIFICATE).exists()


class TestBroker:
    def test_a_new_password_of_the_gateway_takes_the_place_of_the_old_one(
        self, secrets: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "broker"
        folder.mkdir()
        prepare_broker(folder, secrets, "mqtt://gateway:first@mosquitto:1883")
        add(folder, "press-1", Role.GATEWAY)
        prepare_broker(folder, secrets, "mqtt://gateway:sec%40nd@mosquitto:1883")
        devices = read(folder).devices
        assert set(devices) == {"gateway", "press-1"}
        assert is_password("sec@nd", devices["gateway"].password_hash)
        assert devices["gateway"].role is Role.GATEWAY

    @pytest.mark.parametrize("url", ["mqtt://mosquitto", "mqtt://gateway@mosquitto"])
    def test_a_gateway_needs_user_and_password(
        self, url: str, secrets: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(ValueError, match="names no user or no password"):
            prepare_broker(tmp_path, secrets, url)
        with pytest.raises(MqttUrlError):
            prepare_broker(tmp_path, secrets, "")

    def test_a_missing_certificate_is_named(self, secrets: Path, tmp_path: Path) -> None:
        (secrets / "server.pem").unlink()
        with pytest.raises(FileNotFoundError, match=r"server\.pem"):
            prepare_broker(tmp_path, secrets, "mqtt://gateway:x@mosquitto")


class TestHealthy:
    def _say(self, redis_url: str, state: HealthState, reason: str | None = None) -> None:
        word = Health(service="streams", state=state, reason=reason, at_ms=0, pid=1)
        with Redis.from_url(redis_url) as redis:
            redis.set(health.KEY_PREFIX + "streams", msgspec.json.encode(word), ex=60)

    def _ask(self, redis_url: str) -> str:
        return ask(Installation(redis_url=redis_url), "streams")

    def test_a_service_that_works_is_healthy_and_one_that_waits_too(self, redis_url: str) -> None:
        self._say(redis_url, HealthState.OK)
        assert self._ask(redis_url) == "ok"
        self._say(redis_url, HealthState.DEGRADED, "Kafka is away")
        assert self._ask(redis_url) == "degraded: Kafka is away"

    def test_one_that_has_failed_is_not(self, redis_url: str) -> None:
        self._say(redis_url, HealthState.FAILED, "partition 3 stands still")
        with pytest.raises(UnhealthyError, match="failed: partition 3 stands still"):
            self._ask(redis_url)

    def test_one_that_says_nothing_is_not(self, redis_url: str) -> None:
        with pytest.raises(UnhealthyError, match="streams says nothing"):
            self._ask(redis_url)

    def test_a_redis_that_is_away_is_named_without_its_password(self) -> None:
        with pytest.raises(UnhealthyError, match="streams cannot be heard") as problem:
            self._ask("redis://:s3cret@127.0.0.1:1/0")
        assert "s3cret" not in str(problem.value)

    def test_an_api_that_is_away_is_not(self) -> None:
        with pytest.raises(UnhealthyError, match="the API does not answer"):
            ask(Installation(http_port=1), "api")
