"""The benchmark: its peers agree, a wrong one is caught, and a tiny case runs end to end."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "bench" / "__main__.py").is_file():
    pytest.skip("the benchmark is not part of this installation", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench import peers  # noqa: E402
from bench.harness import check, data, report, timing  # noqa: E402
from bench.harness.worker import Session, Worker  # noqa: E402
from bench.suites import batched, folds  # noqa: E402
from bench.suites.cases import CASES, Case, select  # noqa: E402

XOR = replace(select(["xor"])[0], epochs=50)
SMALL = Case("small", "", sizes=(64, 7, 5, 10), batch_size=16, learning_rate=0.05, n_rows=160, check_rows=160)
IN_PROCESS = [name for name in peers.installed()[0] if name != "fastmlp-numba"]


@pytest.fixture(autouse=True)
def denormals_as_before():
    """PyTorch's peer flushes denormals in its process, which here is the tests' own."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(autouse=True)
def bundled_digits(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path))
    monkeypatch.setenv("FASTMLP_CACHE", str(tmp_path))
    data.load_digits.cache_clear()
    yield
    data.load_digits.cache_clear()


@pytest.mark.parametrize(
    "case",
    [
        XOR,
        SMALL,
        replace(SMALL, optimizer="adam"),
        replace(SMALL, batch_size=1),
        replace(SMALL, kind="predict"),
        replace(SMALL, kind="predict", labels=True, batch_size=1),
    ],
)
def test_all_peers_learn_the_same(case):
    sessions = {name: Session(name) for name in IN_PROCESS}
    sessions = {name: session for name, session in sessions.items() if not session.refuse(case)}
    assert {"numpy", "fastmlp"} <= set(sessions)
    agreements = check.check_case(case, sessions)
    assert {name: found.problem for name, found in agreements.items()} == dict.fromkeys(sessions, "")


class Wrong(Session):
    """A peer whose case or result is altered."""

    def __init__(self, alter_case=None, alter_result=None):
        super().__init__("numpy")
        self.alter_case, self.alter_result = alter_case or (lambda case: case), alter_result

    def learn(self, case):
        result = super().learn(self.alter_case(case))
        return result if self.alter_result is None else self.alter_result(result)


def nudge(weights):
    weights[0][0, 0] += 0.01
    return weights


def another_class(labels):
    labels[3] = (labels[3] + 1) % 10
    return labels


@pytest.mark.parametrize(
    ("wrong", "case"),
    [
        (Wrong(lambda case: replace(case, learning_rate=case.learning_rate * 1.001)), SMALL),
        (Wrong(lambda case: replace(case, optimizer="adam")), SMALL),
        (Wrong(lambda case: replace(case, batch_size=32)), SMALL),
        (Wrong(lambda case: replace(case, epochs=case.epochs - 1)), XOR),
        (Wrong(alter_result=nudge), SMALL),
        (Wrong(alter_result=lambda weights: [w * np.nan for w in weights]), SMALL),
        (Wrong(alter_result=lambda weights: weights[:-1]), SMALL),
        (Wrong(alter_result=lambda out: out + 0.001), replace(SMALL, kind="predict")),
        (Wrong(alter_result=another_class), replace(SMALL, kind="predict", labels=True)),
    ],
)
def test_a_wrong_peer_is_caught(wrong, case):
    agreements = check.check_case(case, {"numpy": Session("numpy"), "wrong": wrong})
    assert agreements["wrong"].problem
    assert not agreements["numpy"].problem


def test_nothing_learned_is_caught():
    case = replace(SMALL, learning_rate=-0.05)
    assert "not learned" in check.check_case(case, {"numpy": Session("numpy")})["numpy"].problem


def test_time_case_keeps_the_faster_variant_and_counts_samples():
    case = replace(SMALL, subset={"numpy": 32})
    workers = [Worker("numpy", 1), Worker("fastmlp")]
    try:
        found = timing.time_case(case, workers, repeats=2)
    finally:
        for worker in workers:
            worker.close()
    assert {peer: m.n_samples for peer, m in found.items()} == {"numpy": 32, "fastmlp": 160}
    assert all(len(m.seconds) == 2 and m.median > 0 for m in found.values())


def test_a_failing_worker_tells_why():
    worker = Worker("numpy")
    with pytest.raises(RuntimeError, match="numpy failed"):
        worker.call("setup", "not a case")
    worker.close()
    with pytest.raises(ValueError, match="no case is called 'nonsense'"):
        select(["nonsense"])


def test_losses_are_marked():
    def measured(**seconds):
        names = {peer: peer.replace("_", "-") for peer in seconds}
        return {names[peer]: timing.Measurement(names[peer], None, 10, [s]) for peer, s in seconds.items()}

    slow = measured(numpy=3.0, torch=2.0, jax=1.0, fastmlp=4.0, fastmlp_numba=8.0)
    assert report.ratios(slow) == {"fastest_rival": "torch", "rival": 0.5, "jax": 0.25, "numba": 2.0}
    assert "<1x (0.50)" in report.row(CASES[1], slow)
    assert "20x MISSED" in report.row(CASES[1], slow)
    assert report.row(CASES[1], measured(numpy=41.0, fastmlp=2.0))[-4:] == ["20.5x", "20x met", "-", "-"]


def test_command_runs_a_case_and_writes_json(tmp_path):
    path = tmp_path / "result.json"
    command = [sys.executable, "-m", "bench", "--quick", "--repeats", "1", "--threads", "1"]
    command += ["--cases", "xor", "--peers", "fastmlp", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "XOR 2-2-1" in done.stdout
    written = json.loads(path.read_text())
    (entry,) = written["cases"]
    medians = {peer: found["median"] for peer, found in entry["measurements"].items()}
    assert set(medians) == {"numpy", "fastmlp"}, "the reference always takes part"
    assert entry["ratios"]["rival"] == pytest.approx(medians["numpy"] / medians["fastmlp"])
    assert written["versions"]["fastmlp"]
    assert written["machine"]["cpu"]


def test_noise_is_checked_and_timed(monkeypatch, capsys):
    from bench.suites import noise

    monkeypatch.setattr(noise, "CASES", {"few": (70_000, np.float32)})
    monkeypatch.setattr(noise, "SHORTEST", 0.0)
    assert noise.main(["--repeats", "1"]) == 0
    assert "few" in capsys.readouterr().out.splitlines()[-1]
    assert noise.wrong_moment(np.ones(1000)).startswith("moment 1")
    monkeypatch.setattr(noise, "wrong_moment", lambda values: "moment 2 is 7")
    assert noise.main(["--repeats", "1"]) == 1
    assert "not timed: numpy: moment 2 is 7" in capsys.readouterr().err


def test_stacks_are_timed_where_all_agree(monkeypatch):
    line = batched.measure((3, 4, 5, "AT"), 7, "float32", 1, False)
    assert "DISAGREE" not in line and line.split()[:2] == ["float32", "3x4"]
    monkeypatch.setattr(batched, "batched_matmul", lambda A, B, out=None, **_: A @ B * (1 + 1e-5))
    assert batched.measure((3, 4, 5, ""), 7, "float32", 1, False).endswith("DISAGREE: one, auto")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_folds_are_compared_before_they_are_timed(monkeypatch, capsys):
    x, y = folds.load_digits(return_X_y=True)
    both = folds.scikit_learn(x[:300], y[:300], 2), folds.fast(x[:300], y[:300], 2)
    np.testing.assert_array_equal(*both)
    monkeypatch.setattr(folds, "scikit_learn", lambda *data: both[0] + (np.arange(25) == 3))
    monkeypatch.setattr(folds, "fast", lambda *data: both[1])
    assert folds.main(["--epochs", "2"]) == 1
    assert "1 of 25 scores differ" in capsys.readouterr().err
