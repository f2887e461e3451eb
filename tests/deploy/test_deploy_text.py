"""docs/howto/deploy-with-compose.md: its commands exist, in both languages alike."""

from __future__ import annotations

import re
import shlex
from typing import Any

import compose_file
import pytest
import yaml
from compose_file import ROOT
from typer.main import get_command

from launch.cli import app

HOWTO = ROOT / "docs" / "howto"
TEXTS = [HOWTO / "deploy-with-compose.md", HOWTO / "deploy-with-compose.zh-CN.md"]
OWN_SERVERS = ROOT / "deploy" / "own-servers.yml"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVICE_COMMANDS = {"stop", "restart", "logs", "exec", "kill", "run"}


def _blocks(index: int) -> list[str]:
    return _BLOCK.findall(TEXTS[index].read_text(encoding="utf-8"))


def _compose_calls() -> list[list[str]]:
    """The words after `docker compose` of every command, in blocks and in the text."""
    text = TEXTS[0].read_text(encoding="utf-8")
    inline = re.findall(r"`docker compose ([^`]+)`", text)
    lines = [line for block in _blocks(0) for line in block.replace("\\\n", " ").splitlines()]
    # A command that is kept in a variable ends with a quotation mark.
    whole = [line.removesuffix("'") if line.startswith("psql='") else line for line in lines]
    shown = [line.partition("docker compose ")[2] for line in whole if "docker compose " in line]
    return [shlex.split(re.sub(r"\s[<>]\S+", "", words)) for words in [*inline, *shown]]


class _Loader(yaml.SafeLoader):
    """Compose's own tags say how files are merged; here their values are enough."""


def _plain(loader: _Loader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return None


_Loader.add_multi_constructor("!", _plain)


def _own_servers() -> Any:
    return yaml.load(OWN_SERVERS.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader


def test_both_languages_show_the_same_commands() -> None:
    assert _blocks(0) == _blocks(1)
    assert len(_blocks(0)) > 8


@pytest.mark.parametrize("words", _compose_calls(), ids=" ".join)
def test_a_command_names_services_that_exist(words: list[str]) -> None:
    services = compose_file.read().services
    names = [word for word in words[1:] if word in services]
    if words[0] in _SERVICE_COMMANDS:
        assert names, words
    if words[0] != "run":
        return
    service = services[names[0]]
    arguments = words[words.index(names[0]) + 1 :]
    known = get_command(app)
    command: Any = known
    for word in [*service.command[1:], *arguments]:
        commands = getattr(command, "commands", None)
        if commands is None:
            break
        assert word in commands, words
        command = commands[word]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in arguments if word.startswith("--")} <= options


def test_links_lead_somewhere() -> None:
    for text in TEXTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text.read_text(encoding="utf-8")):
            assert (text.parent / target).exists(), f"{text.name}: {target}"


def test_volumes_of_the_backup_are_those_of_the_file() -> None:
    raw = compose_file.read().raw
    assert raw["name"] == "gemba"  # what volumes' names begin with
    (shown, again) = re.findall(r"for volume in ([\w -]+); do", "\n".join(_blocks(0)))
    # The database is dumped; the rest is copied.
    assert set(shown.split()) == set(again.split()) == set(raw["volumes"]) - {"database"}


class TestOwnServers:
    def test_every_service_that_speaks_to_the_stream_takes_its_address_from_the_file(self) -> None:
        services = compose_file.read().services
        asking = {name for name in services if "GEMBA_STREAM_URL" in services[name].environment}
        changed = _own_servers()["services"]
        for name in asking:
            assert changed[name]["environment"] == {
                "GEMBA_STREAM_URL": "",
                "GEMBA_STREAM_URL_FILE": "/run/secrets/stream_url",
            }
            assert changed[name]["secrets"] == ["stream_url"]
            assert "frontend" in changed[name]["networks"]

    def test_nothing_waits_for_what_is_left_out(self) -> None:
        services = compose_file.read().services
        changed = _own_servers()["services"]
        left_out = {name for name, one in changed.items() if one is None}
        assert left_out == {"kafka", "timescaledb"}
        for name, service in services.items():
            if name in left_out:
                continue
            needs = changed.get(name, {}).get("depends_on", service.raw.get("depends_on", {}))
            assert not left_out & set(needs), name
