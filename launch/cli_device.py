"""`gemba device …`: who may use the MQTT broker, and for which machines."""

# ruff: noqa: PLC0415, FBT002 - commands import what they need when called; flags are booleans

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launch.cli_common import Json, fail, load_settings, print_json

if TYPE_CHECKING:
    from launch.devices import Device

app = typer.Typer(help="Users of the MQTT broker: each device is bound to its machines' topics.")

Directory = Annotated[
    Path | None,
    typer.Option(
        "--directory",
        envvar="GEMBA_MQTT_DIR",
        help="Where the broker's password file and ACL are; by default the embedded broker's.",
        show_default=False,
    ),
]


@app.command(
    "add",
    epilog="Example: `gemba device add press-1 --machine plant-1/cutting/line-1/press-1`",
)
def device_add(
    name: str,
    *,
    machine: Annotated[
        list[str] | None,
        typer.Option("--machine", help="site/area/line/machine it speaks for; may be repeated."),
    ] = None,
    warehouse: Annotated[
        list[str] | None,
        typer.Option("--warehouse", help="site/zone/device it speaks for; may be repeated."),
    ] = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="A gateway of gemba: reads all, writes receipts.")
    ] = False,
    simulator: Annotated[
        bool, typer.Option("--simulator", help="Simulations and replays: speaks for any machine.")
    ] = False,
    directory: Directory = None,
    json_output: Json = False,
) -> None:
    """Register a device and print its password, once."""
    from launch import devices
    from launch.devices import DeviceError, Role

    if gateway and simulator:
        fail("--gateway and --simulator exclude each other")
    role = Role.GATEWAY if gateway else Role.SIMULATOR if simulator else Role.DEVICE
    folder = _directory(directory)
    try:
        machines = [devices.machine_path(text) for text in machine or ()]
        machines += [devices.warehouse_path(text) for text in warehouse or ()]
        password = devices.add(folder, name, role, machines)
    except DeviceError as error:
        fail(str(error))
    _say_password(name, password, folder, json_output=json_output)


@app.command("list", epilog="Example: `gemba device list --json`")
def device_list(directory: Directory = None, json_output: Json = False) -> None:
    """Who is registered, and for which machines."""
    from launch import devices
    from launch.devices import DeviceError

    try:
        found = devices.read(_directory(directory)).devices
    except DeviceError as error:
        fail(str(error))
    registered = [found[name] for name in sorted(found)]
    if json_output:
        print_json([_as_json(one) for one in registered])
        return
    for one in registered:
        bound = ", ".join(one.machines) or ("the installation's own" if one.own else "all machines")
        typer.echo(f"{one.name:<24} {one.role:<10} {bound}")


@app.command("remove", epilog="Example: `gemba device remove press-1`")
def device_remove(name: str, directory: Directory = None) -> None:
    """Let a device in no longer."""
    from launch import devices
    from launch.devices import DeviceError

    folder = _directory(directory)
    try:
        devices.remove(folder, name)
    except DeviceError as error:
        fail(str(error))
    typer.echo(f"{name} is removed. {_reload(folder)}")


@app.command("rotate", epilog="Example: `gemba device rotate press-1`")
def device_rotate(name: str, directory: Directory = None, json_output: Json = False) -> None:
    """Give a device a new password and print it, once; the old one opens nothing any more."""
    from launch import devices
    from launch.devices import DeviceError

    folder = _directory(directory)
    try:
        password = devices.rotate(folder, name)
    except DeviceError as error:
        fail(str(error))
    _say_password(name, password, folder, json_output=json_output)


def _directory(given: Path | None) -> Path:
    return load_settings().data_dir / "mqtt" if given is None else given


def _say_password(name: str, password: str, folder: Path, *, json_output: bool) -> None:
    said = _reload(folder)
    if json_output:
        print_json({"user": name, "password": password, "broker": said})
        return
    typer.echo(f"user      {name}")
    typer.echo(f"password  {password}")
    typer.echo(f"This password is not shown again. {said}", err=True)


def _as_json(device: Device) -> dict[str, object]:
    return {
        "user": device.name,
        "role": device.role.value,
        "machines": list(device.machines),
        "own": device.own,
    }


def _reload(folder: Path) -> str:
    """Make the broker read its files again, where that can be done; what was done, in words."""
    from launch.installation import InstallationError, read_installation

    data_dir = load_settings().data_dir
    if folder.resolve() != (data_dir / "mqtt").resolve():
        return (
            "Make the broker read it: `docker compose kill -s HUP mosquitto`, "
            "or `systemctl reload mosquitto`."
        )
    try:
        processes = read_installation(data_dir).processes
    except InstallationError:
        return "The broker is not running; it heeds this when it starts."
    pid = next((one.pid for one in processes if one.name == "mqtt"), None)
    if pid is None:
        return "The installation uses a broker of its own; see --directory."
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return "The broker is not running; it heeds this when it starts."
    except PermissionError:
        return f"Make the broker read it, as its user: `kill -HUP {pid}`."
    return "The broker has been told."
