"""The benchmark, who is timed: peers agree, a wrong one is caught, what fails lets the others go on."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import fastmlp

ROOT = Path(__file__).parents[2]
if not (ROOT / "bench" / "__main__.py").is_file():
    pytest.skip("the benchmark is not part of this installation", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench.harness import contest, machine  # noqa: E402
from bench.harness.handover import Wait, handover  # noqa: E402
from bench.harness.worker import Session, Worker  # noqa: E402
from bench.suites import SUITES, cases_of, select  # noqa: E402
from bench.suites.batched import case as stack  # noqa: E402
from bench.suites.training import Prediction, named  # noqa: E402

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
        agreed, found, peaks, floors, handovers = contest.run(SMALL, team, repeats=2)
    finally:
        team.close()
    assert [m.peer for m in found] == ["numpy", "fastmlp"]
    assert not any(each["problem"] for each in agreed.values())
    assert all(len(m.seconds) == 2 and m.median > 0 and m.n_samples == 160 for m in found)
    (level,) = team.levels
    assert not peaks or peaks[level] > 0.1
    assert not floors or set(floors[level]) == {"rows", "operations", "optimizer", "chain"}
    assert len(handovers) <= 2 and all(each > 0 for each in handovers)


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
    found, *_ = contest.timed(XOR, [near, far, slow, own], repeats=4)
    assert [m.label for m in found] == ["a/1", "b/1", "fastmlp/None"]
    assert [m.seconds for m in found] == [[1.0] * 4, [3.5, None, None, 3.5], [9.0] * 4]
    assert found[0].n_samples == XOR.n_samples and found[1].median == 3.5
    found, *_ = contest.timed(XOR, [near, own], repeats=1, cpu=True)
    assert [m.seconds for m in found] == [[0.5], [4.5]], "the seconds that cores have worked"


def test_how_near_the_cores_are_is_measured_before_each_round(monkeypatch):
    monkeypatch.setattr(contest.time, "sleep", lambda seconds: None)
    nanoseconds = iter([45.0, None, 200.0])
    monkeypatch.setattr(contest, "handover", lambda: next(nanoseconds))
    one = Fake("a", 1, 1.0)
    assert contest.timed(replace(XOR, one_core=True), [one], repeats=4)[2] == []
    assert contest.timed(XOR, [one], repeats=3)[2] == [45.0, 200.0]


@pytest.mark.parametrize(
    "patience, found, left",
    [(0, 210.0, 0), (60, 45.0, 58), (60, None, 60), (1.5, 190.0, 0)],
    ids=["none", "until they are near", "cannot be measured", "until it is used up"],
)
def test_wait_for_near_cores(monkeypatch, patience, found, left):
    """Patience is for a whole run: what one round has used the next does not have."""
    nanoseconds = iter([None] if found is None else [210.0, 200.0, 190.0 if patience < 60 else 45.0])
    now = [0.0]
    monkeypatch.setattr("bench.harness.handover.handover", lambda: next(nanoseconds))
    clock = SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)
    )
    monkeypatch.setattr("bench.harness.handover.time", clock)
    wait = Wait(patience)
    assert wait() == found
    assert wait.left == left


@pytest.mark.skipif(machine.n_cpus() < 2, reason="needs two cores")
def test_a_line_passes_from_core_to_core():
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    found = [each for each in (handover() for _ in range(10)) if each is not None]
    assert not found or 5 < min(found) < 2000, "nanoseconds between any two cores of one machine"
    if shutil.which("cc") and before:
        assert found and os.sched_getaffinity(0) == before
    else:
        assert not found


def test_a_peer_that_fails_leaves_the_others_to_go_on(monkeypatch, capsys):
    monkeypatch.setattr(contest.time, "sleep", lambda seconds: None)

    class Failing(Fake):
        def call(self, method, *args):
            if method == "time" and self.n_timed == self.last:
                raise RuntimeError("it is dead")
            return super().call(method, *args)

    early, late = Failing("a", 1, 1.0), Failing("b", 1, 1.0)
    early.last, late.last = 1, 5
    found, *_ = contest.timed(XOR, [early, late, Fake("c", 1, 1.0)], repeats=4)
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


def test_a_failing_worker_tells_why():
    worker = Worker("numpy")
    with pytest.raises(RuntimeError, match="numpy failed"):
        worker.call("setup", "not a case")
    worker.close()
