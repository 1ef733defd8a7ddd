"""The benchmark: what is asked for, and what is printed, kept and drawn. A tiny case runs from end to end."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import fastmlp

ROOT = Path(__file__).parents[2]
if not (ROOT / "bench" / "__main__.py").is_file():
    pytest.skip("the benchmark is not part of this installation", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench.__main__ import options  # noqa: E402
from bench.harness import contest, machine, peak, report  # noqa: E402
from bench.harness.ceilings import Ceilings  # noqa: E402
from bench.suites import select  # noqa: E402
from bench.suites.training import Prediction, named  # noqa: E402
from fastmlp.kernels import dispatch  # noqa: E402

XOR = replace(select(["xor"])[0], epochs=50)
SMALL = named((64, 7, 5, 10), source="normal", batch_size=16, learning_rate=0.05, n_rows=160, check_rows=160)
PREDICT = Prediction(name="p", title="", sizes=SMALL.sizes, source="normal", batch_size=16, n_rows=160)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--levels", "avx9"], "--levels: expected some of .*numpy, got 'avx9'"),
        (["--levels", "numpy", "xor"], "got 'xor'; names of cases go before the options, or after --"),
        (["--peers", "jaxx"], "--peers: expected some of .*jax.*, got 'jaxx'"),
        (["--hold", "--levels", "avx512"], "(no level beyond avx2|got 'avx512')"),
        (["--keep", "bench/README.md"], "--keep: cannot write to bench/README.md: File exists"),
        (["--keep", "/dev/null/a", "xor"], "--keep: cannot write to /dev/null/a: Not a directory"),
        (["--repeats", "0"], "--repeats: expected at least 1, got 0"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_runs(arguments, told, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as raised:
        options(arguments)
    assert raised.value.code == 2
    assert re.search(told, capsys.readouterr().err)


def test_commands_in_the_documentation_are_understood(monkeypatch, tmp_path):
    texts = [
        path.read_text() for path in (ROOT / "README.md", ROOT / "bench/README.md", *ROOT.glob("docs/*.md"))
    ]
    found = re.findall(r"(?:BENCH_ARGS=|python -m bench)(.*?)(?:`|#|;|\n)", "\n".join(texts))
    assert len(found) > 15
    monkeypatch.setattr(machine, "backends", lambda: dispatch.BACKENDS)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    for words in found:
        chosen = options(shlex.split(words.replace('"', " ")))
        assert select(chosen.names)
        assert not chosen.keep or Path(chosen.keep).is_dir()


def test_only_whole_runs_are_kept_in_the_results(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    assert options([]).keep == tmp_path / "results" and (tmp_path / "results").is_dir()
    assert options(["--peers", "jax", "--keep", str(tmp_path)]).keep == str(tmp_path)
    for arguments in (["xor"], ["--quick"], ["--peers"], ["--peers", "jax"]):
        assert options(arguments).keep is None


def test_runs_held_to_avx2_have_files_of_their_own():
    kinds = [machine.kind_of(level, "avx512", held) for level in ("avx2", "numba") for held in (False, True)]
    assert len(set(kinds)) == 4
    assert machine.kind_of("numba", "avx512", held=False) == "numba"


def test_peak_counts_operations():
    if peak.compiled("base") is None:
        pytest.skip("there is no C compiler")
    calls = []

    def function(n, factor, term):
        calls.append(n)

    assert peak._one_core(function, 2.0) > 0 and len(calls) == peak.WINDOWS
    assert 1 < peak.peak("base") < 1000


@pytest.mark.skipif(not Ceilings.known("base"), reason="there is no C compiler")
def test_ceilings_are_measured():
    one = Ceilings("base", 1)
    assert 1e-10 < one.fma < 1e-6
    assert 0 < one.read(1 << 12) < one.read(1 << 20) < 1
    assert one.update(1 << 20) > one.update(1 << 12)
    assert one.flops > 1e8


class Known:
    """Ceilings by which a number is an operation, a byte, or a link of a chain."""

    flops, fma = 1.0, 1.0

    def read(self, n_bytes):
        return n_bytes

    update = read


def test_floors_count_what_a_step_needs():
    case = replace(XOR, n_rows=4)
    # 2-2-1: 6 weights, none of the inputs is 0; half a batch of 4 waits for itself: sums of 2 + 1 and 2 + 1
    # terms, products with 1 output, 3 + 2 for the error and the batch, 3 for each layer's activation
    found = case.floor(Known())
    assert found["operations"] == 4 * 4 + 6 * 2
    assert found["optimizer"] == 4 * 6 / 4
    assert found["chain"] == ((1 + 2) + (1 + 2) + 2 + (3 + 2) + 2 * 3) / 4
    adam = replace(SMALL, optimizer="adam", batch_size=1)
    sgd = replace(adam, optimizer="sgd")
    assert adam.floor(Known())["optimizer"] == 3 * sgd.floor(Known())["optimizer"]
    assert sgd.floor(Known())["rows"] == 4 * 64
    sparse = replace(SMALL, density=0.25, n_rows=4000, check_rows=4000).floor(Known())
    dense = replace(SMALL, n_rows=4000, check_rows=4000).floor(Known())
    rest = 6 * (7 * 5 + 5 * 10)
    assert (sparse["operations"] - rest) / (dense["operations"] - rest) == pytest.approx(0.25, abs=0.01)
    assert set(PREDICT.floor(Known())) == {"rows", "operations", "weights"}


def test_a_goal_beyond_the_machine_is_told():
    case = replace(named((784, 32, 10), goal=4), name="a", title="A")
    both = measured("fastmlp avx2", [4.0], "avx2"), measured("jax/2", [8.0])
    floor = {"operations": 0.15, "rows": 0.05}
    entry = report.entry(case, {}, both, {}, {"avx2": floor})
    told = report.lines(entry)[-1].strip()
    assert told == (
        "avx2: floor 150 ms, one after another 200 ms (operations 150 ms, rows 50 ms); the goal needs 200 ms"
    )
    floor["operations"] = 0.25
    entry = report.entry(case, {}, both, {}, {"avx2": floor})
    assert report.lines(entry)[-1].endswith("; the goal needs 200 ms; beyond this machine")


def measured(label, seconds, level=None, n_samples=10, cores=1.0):
    peer = label.split("/")[0]
    return contest.Measurement(label, peer, level, None, n_samples, seconds, [cores] * len(seconds))


def test_losses_and_goals_are_told():
    case = replace(named((784, 32, 10), goal={"avx2": 3}), name="a", title="A")
    ours = (
        measured("fastmlp avx2", [4.0, 5.0, 4.0], "avx2"),
        measured("fastmlp numba", [8.0, 15.0, 8.0], "numba"),
    )
    rivals = measured("jax/2", [1.0, 1.0, 1.0], n_samples=5), measured("torch/1", [3.0, None, None])
    entry = report.entry(case, {}, [*rivals, *ours], {"avx2": 1e-3 * case.flops / 1e6})
    native, numba = entry["levels"]
    assert (native["fastest_peer"], native["ratio"], native["spread"]) == ("jax/2", 0.5, [0.4, 0.5])
    assert (native["goal"], native["met"]) == (3, False)
    assert native["share"] == pytest.approx(case.flops / 0.4 / 1e9 / (1e-3 * case.flops / 1e6))
    assert numba["ratio"] == pytest.approx(0.5) and numba["met"]
    first, second, others = report.lines(entry)
    assert "<1x (0.50)" in first and "3x MISSED" in first and "1/3 met" in second
    assert others.strip() == "torch/1 300 ms"
    assert report.verdict([entry]).splitlines() == ["1 of 2 goals met", "     17 % of the goal: A, avx2"]


def test_cases_with_cores_far_apart_are_told():
    def entry(title, *handovers):
        case = replace(XOR, title=title)
        return report.entry(case, {}, [measured("numpy/1", [1.0])], {}, None, handovers)

    assert entry("A", 45.04, 47.0)["handover_ns"] == [45.0, 47.0]
    assert "handover_ns" not in entry("A") and report.nearness([entry("A")]) == []
    assert report.nearness([entry("A", 45.0), entry("B"), entry("C", 47.0, 200.0, 46.0)]) == [
        "A line of memory passed between two cores in 46 ns."
    ]
    (told,) = report.nearness([entry("A", 45.0), entry("B", 200.0, 210.0, 44.0)])
    assert (
        told
        == "A line of memory passed between two cores in 45 ns at best; more slowly in these cases: B (200)"
    )


def test_a_case_without_fastmlp_says_so(monkeypatch):
    rival = measured("jax/1", [2.0])
    (told, others) = report.lines(report.entry(XOR, {}, [rival], {}))
    assert told == f"{XOR.title}: fastmlp is left out: see above" and "jax/1 2 s" in others
    race = select(["race-97"])[0]
    monkeypatch.setenv("FASTMLP_DATA", os.devnull)
    monkeypatch.setenv("FASTMLP_CACHE", os.devnull)
    team = contest.Team(("numpy",), 1)
    try:
        assert team.of(race) == []
    finally:
        team.close()
    (told,) = report.lines(report.entry(race, {}, [], {}, refused=team.refused[race.name]))
    assert told == f"{race.title}: fastmlp is left out: MNIST is not at hand: set FASTMLP_DATA"


def test_goals_in_seconds_and_of_the_peak():
    race = replace(select(["race-97"])[0], goal={"avx2": 0.3})
    fast = measured("fastmlp avx2", [0.2, 0.2], "avx2")
    fast.final = race.final([0.971, 0.972])
    (found,) = report.entry(race, {}, [fast], {})["levels"]
    assert found["met"] and found["final"]["accuracy"] == pytest.approx(0.9715)
    fast.final = race.final([0.95, 0.97])
    (found,) = report.entry(race, {}, [fast], {})["levels"]
    assert not found["met"] and "0.9700" in found["final"]["problem"]
    cold = select(["cold-beyond-numpy"])[0]
    both = measured("import numpy/1", [0.2, 0.3]), measured("fastmlp avx2", [0.3, 0.45], "avx2")
    both[0].peer = "import numpy"
    (found,) = report.entry(cold, {}, both, {})["levels"]
    assert found["seconds"] == pytest.approx(0.125) and found["met"] and "ratio" not in found
    step = replace(select(["step-256x4-16-sgd-b32"])[0], goal={"avx2": 0.6})
    own = measured("fastmlp avx2", [1.0], "avx2", n_samples=1, cores=1.9)
    (found,) = report.entry(step, {}, [own], {"avx2": step.flops / 1e9 / 1.1})["levels"]
    assert found["share"] == pytest.approx(0.55) and not found["met"]


def test_command_runs_a_case_and_keeps_what_it_found(tmp_path):
    command = [sys.executable, "-m", "bench", "xor", "--quick", "--repeats", "1", "--threads", "1"]
    command += ["--peers", "--levels", fastmlp.backend(), "--keep", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "XOR 2-2-1" in done.stdout and "GFLOP/s" in done.stdout
    (path,) = tmp_path.glob("*.json")
    written = json.loads(path.read_text())
    (entry,) = written["cases"]
    (level,) = entry["levels"]
    assert set(entry["peers"]) == {"numpy/1"}, "the reference always takes part"
    assert level["ratio"] == pytest.approx(entry["peers"]["numpy/1"]["seconds"] / level["seconds"])
    assert written["versions"]["fastmlp"]
    assert written["machine"]["cpu"]


@pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")
def test_ctrl_c_ends_all_processes_and_shows_what_was_measured():
    command = [sys.executable, "-m", "bench", "--repeats", "200", "--peers", "--levels", fastmlp.backend()]
    process = subprocess.Popen(
        [*command, "--", "xor", "35-20-10-sgd-b1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    shown = ""
    while not shown.rstrip().endswith("cores"):  # the table's head: workers are started now
        line = process.stdout.readline()
        assert line, shown
        shown += line
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: 0 of 2 cases" in rest and "Traceback" not in rest
    with pytest.raises(ProcessLookupError):
        while os.killpg(process.pid, 0) is None:
            time.sleep(0.05)


def test_drawings_show_every_goal_and_chart():
    pytest.importorskip("matplotlib")
    from bench.harness import plot

    case = replace(named((784, 32, 10), goal=2), title="A")
    ours, rival = measured("fastmlp avx2", [1.0], "avx2"), measured("jax/2", [3.0])
    entry = report.entry(case, {}, [rival, ours], {})
    (ax,) = plot.goals([entry], "t").axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["A"]
    assert ax.patches[0].get_width() == pytest.approx(1.5)
    (text,) = ax.texts
    assert text.get_text() == "3.00x jax/2" and text.get_bbox_patch() is not None
    ax.figure.draw_without_rendering()
    assert text.get_window_extent().x1 <= ax.get_window_extent().x1, "the text stays inside the frame"
    assert plot.scaling([entry], "t") is None
    points = [report.entry(case, {}, [rival, ours], {}) for case in select(["scaling-depth"])][::-1]
    drawn = plot.scaling(points, "t").axes[0]
    assert {line.get_label() for line in drawn.lines} == {"jax", "fastmlp avx2"}
    assert drawn.get_title() == "by depth: 784-64-10 to 784-8x64-10, adam, batch 32"
    assert drawn.lines[0].get_xdata().tolist() == [1, 2, 4, 8]
    assert drawn.lines[0].get_ydata() == pytest.approx([0.3e6] * 4)
