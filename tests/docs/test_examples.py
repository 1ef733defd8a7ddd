"""The gallery's scripts run offline in seconds, draw something, and have the same four stations."""

import re
import runpy
from pathlib import Path

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend is chosen first)

from fastmlp import experiments  # noqa: E402

FOLDER = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*.py"))
STATIONS = ["Data", "Network", "Training", "Result"]
STATION = re.compile(r"^# %%\n# (\w+)\n# (-+)\n", re.MULTILINE)
MOST_LINES = 15  # of code proper: a lesson, not a program


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*_):
        raise OSError("examples do not ask the network")

    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    monkeypatch.setattr("socket.socket.connect", refuse)
    yield
    plt.close("all")


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_runs_and_draws(script, capsys):
    runpy.run_path(str(FOLDER / script), run_name="__main__")
    figures = [plt.figure(n) for n in plt.get_fignums()]
    assert figures
    for figure in figures:
        figure.canvas.draw()


@pytest.mark.parametrize("script", SCRIPTS)
def test_its_stations_come_in_order(script):
    text = (FOLDER / script).read_text(encoding="utf-8")
    title, rule = text.split("\n")[1:3]
    assert text.startswith('"""\n') and rule == "=" * len(title)
    found = STATION.findall(text)
    assert [name for name, _ in found] == STATIONS
    assert all(len(name) == len(rule) for name, rule in found)
    code = text.split('"""', 2)[2].splitlines()
    proper = [line for line in code if line.strip(" ()[]{},") and not re.match(r"\s*(#|import|from)", line)]
    assert 5 <= len(proper) <= MOST_LINES, len(proper)


def test_every_experiment_has_its_lesson():
    told = {row for script in SCRIPTS for row in rows_of((FOLDER / script).read_text(encoding="utf-8"))}
    assert told == set(experiments.names())


def rows_of(text):
    """Return the rows that a script's first lines say it is about, such as A1 and A2."""
    first = text.split('"""')[1]
    sentence = re.search(r"Experiments?\s+(.*?):\s+``fastmlp\s+experiment\s+(\w+)``", first, re.DOTALL)
    assert sentence[2] in experiments.names()
    return re.findall(r"[A-F]\d+b?", sentence[1])


def test_every_folder_has_its_header():
    folders = {FOLDER, *((FOLDER / script).parent for script in SCRIPTS)}
    assert len(folders) == 8 and all((folder / "GALLERY_HEADER.rst").is_file() for folder in folders)
