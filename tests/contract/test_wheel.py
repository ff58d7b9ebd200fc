"""The wheel as a stranger gets it: built, installed into an empty environment, run in an empty folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "sim", "device_models", "scenarios")


def checked(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build folder is left beside the sources."""
    source = tmp_path_factory.mktemp("source")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, source / part)
    checked(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", source / "dist", ".", cwd=source)
    (built,) = (source / "dist").glob("edgesim-*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel and sees this one's dependencies, but not its edgesim."""
    folder = tmp_path_factory.mktemp("environment")
    checked(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    interpreter = folder / "bin" / "python"
    site_packages = Path(checked(interpreter, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", cwd=folder).strip())
    # a folder named in a .pth file is searched, but its own .pth files (our editable install) are not read
    (site_packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    checked(sys.executable, "-m", "pip", "--python", interpreter, "install", "-q", "--no-deps", "--no-index", wheel, cwd=folder)
    return interpreter


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return tmp_path


def test_wheel_ships_catalogue_scenarios_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"sim", "device_models", "scenarios"}
    for folder, pattern in (
        ("device_models/catalog/devices", "*.yaml"),
        ("scenarios", "**/*.yaml"),
        ("scenarios", "**/*.csv"),
        ("sim/compiler/runtimes", "*.yaml"),
    ):
        shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob(pattern)}
        assert shipped <= set(names), shipped - set(names)
    assert "sim/py.typed" in names and "device_models/py.typed" in names


def test_installed_package_is_the_wheels(python: Path, empty: Path) -> None:
    where = checked(python, "-c", "import sim, device_models; print(sim.__file__, device_models.__file__)", cwd=empty)
    assert str(ROOT) not in where


def test_installed_commands_run_in_an_empty_folder(python: Path, empty: Path) -> None:
    edgesim = python.parent / "edgesim"
    assert "raspberry_pi_4" in checked(edgesim, "devices", cwd=empty)
    assert "phone_camera" in checked(edgesim, "scenarios", cwd=empty)
    assert "mobilenet_v2" in checked(edgesim, "models", cwd=empty)
    assert "VALID" in checked(edgesim, "run", "phone_camera", "--quiet", cwd=empty)
    assert not list(empty.iterdir())


def test_installed_package_from_python(python: Path, empty: Path) -> None:
    workload = "{arrival: {kind: periodic, rate: 10 Hz}, pipeline: [{work: {operations: 1 M}}]}"
    scenario = f"name: n\ndevice: raspberry_pi_4\nduration: 1 s\nworkloads: {{w: {workload}}}"
    code = f"import sim; print(len(sim.simulate({scenario!r}).trace.requests))"
    assert checked(python, "-c", code, cwd=empty) == "10\n"
