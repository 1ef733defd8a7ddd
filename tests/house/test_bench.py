"""The benchmark: peers agree, a wrong one is caught, goals are judged, a tiny case runs from end to end."""

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

import numpy as np
import pytest

import fastmlp

ROOT = Path(__file__).parents[2]
if not (ROOT / "bench" / "__main__.py").is_file():
    pytest.skip("the benchmark is not part of this installation", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench.__main__ import options  # noqa: E402
from bench.harness import contest, machine, peak, report  # noqa: E402
from bench.harness.ceilings import Ceilings  # noqa: E402
from bench.harness.worker import Session, Worker  # noqa: E402
from bench.suites import SUITES, cases_of, select  # noqa: E402
from bench.suites.batched import case as stack  # noqa: E402
from bench.suites.training import Prediction, named  # noqa: E402
from fastmlp.kernels import dispatch  # noqa: E402

XOR = replace(select(["xor"])[0], epochs=50)
SMALL = named((64, 7, 5, 10), source="normal", batch_size=16, learning_rate=0.05, n_rows=160, check_rows=160)
PREDICT = Prediction(name="p", title="", sizes=SMALL.sizes, source="normal", batch_size=16, n_rows=160)
FOLDS = replace(select(["folds-1"])[0], epochs=2)


@pytest.fixture(autouse=True)
def as_before():
    """PyTorch's peer flushes denormals in its process, which here is the tests' own."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


def sessions(case):
    """Return a session for each peer that can be imported here and has such a case."""
    found = {}
    for name in case.PEERS:
        try:
            session = Session(name)
            if not session.refuse(case) and session.versions(case) is not None:  # imports the library
                found[name] = session
        except (ImportError, RuntimeError, OSError):
            continue
    return found


CASES = {
    "xor": XOR,
    "sgd": SMALL,
    "momentum": replace(SMALL, optimizer="momentum"),
    "adam": replace(SMALL, optimizer="adam"),
    "online": replace(SMALL, batch_size=1),
    "relu": replace(SMALL, hidden="relu"),
    "dropout": replace(SMALL, sizes=(64, 200, 10), dropout=0.2),
    "regression": replace(SMALL, output="identity", l2=0.5, learning_rate=0.01),
    "fann": replace(SMALL, output="logistic", batch_size=1),
    "predict": PREDICT,
    "predict-labels": replace(PREDICT, labels=True, batch_size=1),
    "many": replace(select(["many-adam-b16"])[0], epochs=20),
    "many-online": replace(select(["many-sgd-b1"])[0], epochs=2),
    "noise": replace(select(["noise-35k"])[0], n_values=70_000),
    "stack": stack(3, 4, 5, "AT", 7, "float32"),
    "stack-doubles": stack(3, 4, 5, "BT", 7, "float64"),
    "fit": select(["fit-diabetes"])[0],
    "neuron": select(["step-neuron-and"])[0],
    "tanh-neuron": select(["tanh-neuron"])[0],
    "folds": FOLDS,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_all_peers_do_the_same(name):
    case = CASES[name]
    those = sessions(case)
    assert {case.reference, "fastmlp"} <= set(those)
    results = {peer: session.learn(case.small()) for peer, session in those.items()}
    found = {peer: case.compare(peer, r, results[case.reference])["problem"] for peer, r in results.items()}
    assert found == dict.fromkeys(those, "")


def nudge(weights):
    weights[0][0, 0] += 0.01
    return weights


@pytest.mark.parametrize(
    ("case", "wrong", "alter"),
    [
        (SMALL, replace(SMALL, learning_rate=SMALL.learning_rate * 1.001), None),
        (SMALL, replace(SMALL, optimizer="adam"), None),
        (SMALL, replace(SMALL, batch_size=32), None),
        (XOR, replace(XOR, epochs=XOR.epochs - 1), None),
        (CASES["regression"], replace(CASES["regression"], l2=0.0), None),
        (CASES["dropout"], replace(CASES["dropout"], learning_rate=0.2), None),
        (SMALL, SMALL, nudge),
        (SMALL, SMALL, lambda weights: [w * np.nan for w in weights]),
        (SMALL, SMALL, lambda weights: weights[:-1]),
        (PREDICT, PREDICT, lambda out: out + 0.001),
        (
            replace(PREDICT, labels=True),
            replace(PREDICT, labels=True),
            lambda out: np.r_[out[0] + 1, out[1:]],
        ),
        (CASES["many"], replace(CASES["many"], learning_rate=0.0011), None),
        (CASES["noise"], CASES["noise"], lambda values: values * 1.1),
        (CASES["stack"], CASES["stack"], lambda products: products * (1 + 1e-4)),
    ],
)
def test_another_result_is_caught(case, wrong, alter):
    expected, found = (Session(case.reference).learn(each.small()) for each in (case, wrong))
    assert not case.compare(case.reference, expected, expected)["problem"]
    assert case.compare(case.reference, alter(found) if alter else found, expected)["problem"]


def test_another_score_and_nothing_learned_are_caught():
    scores = np.full(25, 0.9)
    assert FOLDS.compare("fastmlp", scores + (np.arange(25) == 3), scores)["problem"]
    weights = Session("numpy").learn(replace(SMALL, learning_rate=-0.05))
    assert "not learned" in SMALL.compare("numpy", weights, weights)["problem"]


def test_every_case_has_its_own_name_and_peers():
    cases = [case for suite in SUITES for case in cases_of(suite)]
    assert len({case.name for case in cases}) == len(cases)
    assert all(set(case.peers) <= set(case.PEERS) and "fastmlp" in case.PEERS for case in cases)
    assert select(["steps", "xor"])[-1].name == "xor"
    assert [case.name for case in select(["predict-one"])] == ["predict-one"]
    assert len(select()) < len(select(SUITES))
    with pytest.raises(ValueError, match="no suite or case is called 'nonsense'"):
        select(["nonsense"])


def test_operations_are_counted():
    case = named((784, 32, 10))
    assert case.flops == 2 * (2 * 784 * 32 + 3 * 32 * 10)
    assert replace(PREDICT, sizes=(784, 32, 10)).flops == 2 * (784 * 32 + 32 * 10)


def test_slow_peers_train_on_fewer_rows():
    case = named((784, 32, 10), batch_size=128)
    assert case.sized(1e-9).n_rows == 60000 // 128 * 128
    assert case.sized(1e-4).n_rows == 2000 // 128 * 128
    assert case.sized(1.0).n_rows == 128
    assert XOR.sized(1.0) == XOR


def test_peers_are_timed_in_turns():
    team = contest.Team((fastmlp.backend(),), 1, peers=["numpy"])
    try:
        agreed, found, peaks, floors = contest.run(SMALL, team, repeats=2)
    finally:
        team.close()
    assert [m.peer for m in found] == ["numpy", "fastmlp"]
    assert not any(each["problem"] for each in agreed.values())
    assert all(len(m.seconds) == 2 and m.median > 0 and m.n_samples == 160 for m in found)
    (level,) = team.levels
    assert not peaks or peaks[level] > 0.1
    assert not floors or set(floors[level]) == {"rows", "operations", "optimizer", "chain"}


class Fake:
    """A worker that takes so many seconds for a run."""

    def __init__(self, peer, n_threads, seconds, level=None):
        self.peer, self.n_threads, self.level, self.seconds = peer, n_threads, level, seconds
        self.label, self.n_timed = f"{peer}/{n_threads}", 0

    def call(self, method, *args):
        if method == "time":
            self.n_timed += 1
            return self.seconds, 0.5
        return None


def test_slow_variants_are_dropped_and_slow_peers_sit_out(monkeypatch):
    monkeypatch.setattr(contest.time, "sleep", lambda seconds: None)
    near, far, slow, own = (
        Fake("a", 1, 1.0),
        Fake("a", 2, 1.6),
        Fake("b", 1, 3.5),
        Fake("fastmlp", None, 9.0, "x"),
    )
    found, _ = contest.timed(XOR, [near, far, slow, own], repeats=4)
    assert [m.label for m in found] == ["a/1", "b/1", "fastmlp/None"]
    assert [m.seconds for m in found] == [[1.0] * 4, [3.5, None, None, 3.5], [9.0] * 4]
    assert found[0].n_samples == XOR.n_samples and found[1].median == 3.5
    found, _ = contest.timed(XOR, [near, own], repeats=1, cpu=True)
    assert [m.seconds for m in found] == [[0.5], [4.5]], "the seconds that cores have worked"


def test_a_peer_that_fails_leaves_the_others_to_go_on(monkeypatch, capsys):
    monkeypatch.setattr(contest.time, "sleep", lambda seconds: None)

    class Failing(Fake):
        def call(self, method, *args):
            if method == "time" and self.n_timed == self.last:
                raise RuntimeError("it is dead")
            return super().call(method, *args)

    early, late = Failing("a", 1, 1.0), Failing("b", 1, 1.0)
    early.last, late.last = 1, 5
    found, _ = contest.timed(XOR, [early, late, Fake("c", 1, 1.0)], repeats=4)
    assert [(m.label, len(m.seconds)) for m in found] == [("c/1", 4)]
    told = capsys.readouterr().err
    assert "a/1 is left out: it is dead" in told and "b/1 is left out: it is dead" in told


def test_cores_are_counted_that_work_in_processes_of_their_own():
    class Burning:
        def reset(self): ...

        def after(self): ...

        def run(self):
            code = "import time\nwhile time.process_time() < 0.2: pass"
            subprocess.run([sys.executable, "-c", code], check=True)

    session = Session("numpy")
    session.peer = Burning()
    seconds, cores = session.time()
    assert seconds * cores >= 0.2


def test_a_dead_worker_is_told_of():
    worker = Worker("numpy")
    assert worker.call("refuse", XOR) is None
    worker.process.kill()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="numpy: its process ended, exit code -9"):
            worker.call("refuse", XOR)
    worker.close()


def test_who_takes_part(monkeypatch):
    started = []

    class Quiet(Fake):
        def __init__(self, peer, n_threads=None, level=None, held=False):
            super().__init__(peer, n_threads, 1.0, level)
            started.append((peer, n_threads, level, held))

        def call(self, method, *args):
            return {} if method == "versions" else self.peer == "torch"

    monkeypatch.setattr(contest, "Worker", Quiet)
    team = contest.Team(("avx2", "numba"), 2, held=True, peers=["torch", "jax"])
    named = [(w.peer, w.n_threads, w.level) for w in team.of(XOR)]
    ours = [("fastmlp", None, "avx2"), ("fastmlp", None, "numba")]
    assert named == [("numpy", 1, None), ("numpy", 2, None), ("jax", 1, None), ("jax", 2, None), *ours]
    assert ("jax", 2, None, True) in started and ("fastmlp", None, "avx2", True) in started
    alone = [(w.peer, w.n_threads, w.level) for w in team.of(replace(XOR, one_core=True, peers=("fastmlp",)))]
    assert alone == [("numpy", 1, None), ("fastmlp", 1, "avx2"), ("fastmlp", 1, "numba")]
    assert [w.level for w in team.of(select(["race-97"])[0])] == ["avx2"]
    assert [w.level for w in contest.Team(("avx512", "avx2", "numba"), 2).of(select(["cold"])[0])][-2:] == [
        "avx512", "avx2",
    ]  # fmt: skip


def test_a_missing_backend_leaves_the_others_to_go_on(monkeypatch, capsys):
    class WithoutNumba(Fake):
        def __init__(self, peer, n_threads=None, level=None, held=False):
            super().__init__(peer, n_threads, 1.0, level)

        def call(self, method, *args):
            if method == "versions" and (self.level == "avx512" or self.peer == "jax"):
                raise RuntimeError("Traceback\nImportError: it is not there")
            return {} if method == "versions" else None

    monkeypatch.setattr(contest, "Worker", WithoutNumba)
    team = contest.Team(("avx512", "avx2", "numba"), 2, peers=["jax"])
    for _ in range(2):
        assert [w.level for w in team.of(XOR)] == [None, None, "avx2", "numba"]
    assert team.missing == dict.fromkeys(("jax", "fastmlp avx512"), "ImportError: it is not there")
    assert len(capsys.readouterr().err.splitlines()) == 2, "each is told of once"


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


def test_a_failing_worker_tells_why():
    worker = Worker("numpy")
    with pytest.raises(RuntimeError, match="numpy failed"):
        worker.call("setup", "not a case")
    worker.close()


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
        shown += process.stdout.readline()
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
    points = [report.entry(case, {}, [rival, ours], {}) for case in select(["scaling-depth"])]
    drawn = plot.scaling(points, "t").axes[0]
    assert {line.get_label() for line in drawn.lines} == {"jax", "fastmlp avx2"}
    assert drawn.get_title() == points[-1]["title"], "what was trained"
    assert drawn.lines[0].get_xdata().tolist() == [1, 2, 4, 8]
    assert drawn.lines[0].get_ydata() == pytest.approx([0.3e6] * 4)
