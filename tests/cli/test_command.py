"""The command: what is asked for, errors in a line, exit statuses; experiments, the demo, models' files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastmlp
from fastmlp import Dense, MLPClassifier, Network
from fastmlp.cli import command, main
from fastmlp.cli.options import COMMANDS

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch, tmp_path):
    """Nobody's data, and no network."""
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path))
    monkeypatch.setenv("FASTMLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("fastmlp.datasets._files._find_cached", _nothing)
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def _nothing(*_):
    raise FileNotFoundError("https://one.example\nhttps://another.example")


def refused(capsys, *argv):
    """Return what a command that must fail says: one line, on standard error."""
    assert main(argv) == 2
    told = capsys.readouterr()
    assert told.err.startswith("fastmlp: error: ") and told.err.count("\n") == 1
    return told.err.removeprefix("fastmlp: error: ").rstrip()


def run(*argv, **options):
    """Run the command in a process of its own."""
    how = dict(capture_output=True, text=True) | options
    return subprocess.run([sys.executable, "-m", "fastmlp", *argv], check=False, **how)


def test_help_names_every_command_and_its_options(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n    {name}" in text for name in COMMANDS)
    for name in COMMANDS:
        assert main([name, "--help"]) == 0
        assert "--traceback" in capsys.readouterr().out
    assert main(["--version"]) == 0 and fastmlp.__version__ in capsys.readouterr().out


def test_what_cannot_be_asked_for(capsys):
    assert "COMMAND" in refused(capsys) and "--help" in refused(capsys)
    assert "invalid choice: 'trian'" in refused(capsys, "trian")
    assert "--hlep (see fastmlp" in refused(capsys, "info", "x", "--hlep")
    assert "not allowed with argument" in refused(capsys, "experiment", "A1", "--size", "tiny", "--full")
    assert "--seed: must be a whole number" in refused(capsys, "experiment", "A1", "--seed", "x")


def test_errors_are_one_line_that_steers_no_terminal(capsys, monkeypatch):
    words = {
        "a\nb \x1b[31m": r"a b \x1b[31m",
        OSError(2, "No such file", "x.csv"): "x.csv: No such file",
        MemoryError(): "MemoryError: there is too little memory for this",
        fastmlp.FitError("2 of 3 fits failed", [ValueError("the first")]): "2 of 3 fits failed: the first",
    }
    for error, text in words.items():
        error = error if isinstance(error, Exception) else ValueError(error)
        monkeypatch.setattr("fastmlp.cli.info.run", _raising(error))
        assert refused(capsys, "info", "x") == text
        with pytest.raises(type(error)):
            main(["info", "x", "--traceback"])
    monkeypatch.setattr("fastmlp.cli.info.run", _raising(KeyError("a mistake of ours")))
    with pytest.raises(KeyError):
        main(["info", "x"])


def _raising(error):
    def run(options):
        raise error

    return run


def test_warnings_are_one_line(capsys, monkeypatch, recwarn):
    import warnings

    def warn(options):
        warnings.simplefilter("always")
        warnings.warn("once\nmore", RuntimeWarning, stacklevel=1)

    monkeypatch.setattr("fastmlp.cli.info.run", warn)
    assert main(["info", "x"]) == 0
    assert capsys.readouterr().err == "fastmlp: warning: once more\n"


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to send")
def test_ctrl_c_ends_a_fit_that_would_go_on(monkeypatch, capsys):
    """An estimator's fit catches KeyboardInterrupt and returns: no end that the command takes for one."""
    done = []

    def train(options):
        model = MLPClassifier((50,), max_iter=10**6, tol=0, n_iter_no_change=10**6)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        model.fit(np.eye(30), np.arange(30) % 2)
        done.append(model)

    monkeypatch.setattr("fastmlp.cli.info.run", train)
    before = signal.getsignal(signal.SIGALRM)
    try:
        assert main(["info", "x"]) == 130
    finally:
        signal.signal(signal.SIGALRM, before)
    assert done == [] and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.setattr("fastmlp.cli.info.run", _raising(KeyboardInterrupt()))
    assert main(["info", "x"]) == 130


def test_a_closed_pipe_is_silent(tmp_path):
    fastmlp.save(Network([Dense(1, input_dim=2)]).build(), tmp_path / "m.safetensors")
    reader, writer = os.pipe()
    os.close(reader)
    done = run(
        "info", "m.safetensors", stdout=writer, stderr=subprocess.PIPE, capture_output=False, cwd=tmp_path
    )
    os.close(writer)
    assert done.returncode == 141 and done.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="a shell closes it")
def test_output_that_was_closed_before(tmp_path):
    lines = [
        f"{sys.executable} -m fastmlp experiment list {closed}" for closed in (">&-", "2>&-", ">&- 2>&-")
    ]
    how = dict(shell=True, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line, process in [(line, subprocess.Popen(line, **how)) for line in lines]:
        _, errors = process.communicate()
        assert (process.returncode, errors) == (0, ""), line


def test_pictures_need_matplotlib_which_is_told_before_anything_is_run(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("fastmlp.experiments.run", None)
    monkeypatch.setattr("fastmlp.cli.demo.load_digits", None)
    (tmp_path / "t.csv").write_text("x,y\n" + "1,a\n2,b\n" * 10)
    wanted = "pictures are drawn by matplotlib: pip install 'fastmlp[cli]'"
    assert refused(capsys, "experiment", "E3") == wanted
    assert refused(capsys, "demo") == wanted
    monkeypatch.setattr("fastmlp.cli.train._train", None)
    assert refused(capsys, "train", "t.csv", "--target", "y", "--out", "m.safetensors") == wanted


def test_ids_are_looked_up_before_anything_is_run_or_made(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("fastmlp.experiments.run", None)
    for wrong in ("C99", "../up", "list"):
        assert "experiment must be one of A1" in refused(capsys, "experiment", "A1", wrong, "--output", "out")
    assert not (tmp_path / "out").exists() and not (tmp_path / "up").exists()


def test_help_and_info_are_quick(tmp_path):
    """They import no library that takes long; `python -m fastmlp` is the command."""
    fastmlp.save(Network([Dense(1, input_dim=2)]).build(), tmp_path / "m.safetensors")
    code = (
        "import sys; from fastmlp.cli import main; assert main([{}]) == 0\n"
        "heavy = 'sklearn scipy pandas matplotlib tqdm joblib numba'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    for arguments in ("'--help'", f"'info', {str(tmp_path / 'm.safetensors')!r}"):
        ran = [sys.executable, "-c", code.format(arguments)]
        assert subprocess.run(ran, capture_output=True, text=True, check=True).stdout.endswith("[]\n")
    assert run("--version").stdout == f"fastmlp {fastmlp.__version__}\n"


def test_info(capsys, tmp_path):
    path = tmp_path / "m.safetensors"
    said = {"data": "run\x1b[7", "many": list(range(20)), "deep": {"array": np.eye(3)}}
    model = MLPClassifier((3,), solver="lbfgs").fit(np.eye(4), list("abca"))
    fastmlp.save(model, path, metadata=said)
    assert main(["info", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}: MLPClassifier" and f"fastmlp {fastmlp.__version__}" in lines[1]
    assert lines[2:] == [
        "training state  no", r"data: run\x1b[7", "many: [0, 1, 2, 3, 4, 5, 6, 7, ... (20)", "deep:",
        "  array: float64 array of shape (3, 3)",
    ]  # fmt: skip
    assert main(["info", str(path), "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert read["kind"] == "MLPClassifier" and read["metadata"]["deep"]["array"] == np.eye(3).tolist()


def test_info_of_what_is_no_model(capsys, tmp_path):
    assert refused(capsys, "info", "nothing.safetensors") == "nothing.safetensors: No such file or directory"
    (tmp_path / "x.csv").write_text("a,b\n1,2\n" * 100)
    assert "x.csv is no safetensors file" in refused(capsys, "info", "x.csv")
    assert "not a model file but a folder" in refused(capsys, "info", ".")


def test_experiments_are_listed(capsys):
    assert main(["experiment", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    known = fastmlp.experiments.names()
    assert len(lines) == len(set(known.values())) and lines[0].startswith("A1 A2  ")
    assert {name for line in lines for name in line[:8].split()} == set(known)


def test_an_experiment(capsys, tmp_path):
    argv = ("experiment", "a1", "--size", "tiny", "--seed", "3", "--threads", "1")
    assert main([*argv, "--output", str(tmp_path / "found")]) == 0
    out = capsys.readouterr().out
    result = fastmlp.experiments.run("A1", "tiny", seed=3)
    assert all(line in out for line in str(result).splitlines() if "seconds" not in line and "e-" not in line)
    assert "hold" not in out  # the smallest says nothing
    folder = tmp_path / "found" / "A1"
    written = {path.name for path in folder.iterdir()}
    assert written == {f"{name}.png" for name in result.figures} | {"result.json", "result.md", "report.html"}
    assert json.loads((folder / "result.json").read_text())["seed"] == 3
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == len(result.figures) and "<td>AND</td>" in page
    assert "http" not in page  # all within


def test_settings_of_an_experiment(capsys):
    argv = ("experiment", "A1", "--size", "tiny", "--set")
    assert main([*argv, "epochs=1", "--set", "rate=0.5"]) == 0
    assert "holds" not in capsys.readouterr().out  # conclusions are of its own settings
    page = Path("experiment-output/A1/report.html").read_text()
    assert "epochs=1, rate=0.5" in page
    assert "--set takes NAME=VALUE" in refused(capsys, *argv, "epochs")
    assert "settings of A1 must be one of epochs, rate; got 'momentum'" in refused(
        capsys, *argv, "momentum=1"
    )
    assert "got 'Z9'" in refused(capsys, "experiment", "Z9")


def test_a_setting_that_the_experiment_chokes_on_is_named(capsys, monkeypatch):
    monkeypatch.setattr("fastmlp.experiments.run", lambda *_, momentum, **__: f"{momentum:g}")
    said = refused(capsys, "experiment", "C9", "--size", "tiny", "--set", "momentum=abc")
    assert said.startswith("C9 by --set momentum='abc': ")


def test_conclusions_that_do_not_hold_are_told_by_the_status(capsys, monkeypatch):
    lesson = fastmlp.experiments.get("A1")
    monkeypatch.setattr(lesson, "CONCLUSIONS", {"the moon is cheese": lambda result: False})
    assert main(["experiment", "A1", "--size", "quick"]) == 1
    assert "do not hold:\nA1: the moon is cheese\n" in capsys.readouterr().out
    assert main(["experiment", "A1", "E4", "--size", "tiny"]) == 0
    assert "hold" not in capsys.readouterr().out  # which says nothing
    assert main(["experiment", "A1", "E4", "--set", "epochs=1"]) == 0
    assert "hold" not in capsys.readouterr().out


def test_all_experiments_are_run_once(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr("fastmlp.cli.experiment._run", lambda name, *_: ran.append(name) or [])
    assert main(["experiment", "all"]) == 0
    known = fastmlp.experiments.names()
    assert ran[:2] == ["A1", "A3"]
    assert [known[name] for name in ran] == list(dict.fromkeys(known.values()))
    assert "all conclusions that were judged hold" in capsys.readouterr().out


def test_output_that_cannot_be_written_is_told_before_anything_is_run(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("fastmlp.experiments.run", _raising(AssertionError("was run")))
    (tmp_path / "file").write_text("")
    assert refused(capsys, "experiment", "A1", "--output", "file") == "file/A1: Not a directory"
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert "Permission denied" in refused(capsys, "demo", "--output", "closed")


def test_progress_is_shown_in_terminals_only(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    argv = ["experiment", "A1", "--size", "tiny"]
    assert main(argv) == 0 and capsys.readouterr().err == ""
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda self: True)
    assert main(argv) == 0
    assert "A1 tiny: 1 rows" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert main(argv) == 0 and capsys.readouterr().err == ""


def test_demo(capsys, tmp_path):
    assert main(["demo", "--epochs", "2", "--output", "shown"]) == 0
    told = capsys.readouterr().out
    assert "smaller digits instead" in told and "epoch 2/2" in told and "https" not in told
    written = sorted(path.name for path in (tmp_path / "shown").iterdir())
    assert written == ["confusion_matrix.png", "digits.safetensors", "loss_curve.png"]
    assert fastmlp.load(tmp_path / "shown" / "digits.safetensors").predict(np.zeros((2, 64))).shape == (2, 10)


def test_unknown_characters_do_not_end_the_command(tmp_path):
    done = run(
        "experiment", "E3", "--size", "tiny", cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0 and r"\xb1" in done.stdout, done.stderr


def test_statuses_are_documented():
    page = Path(fastmlp.__file__).parents[1] / "docs" / "command.md"
    if not page.exists():
        pytest.skip("the documentation is not part of an installation")
    text = page.read_text(encoding="utf-8")
    for status in (0, 1, 2, command.INTERRUPTED, command.CLOSED_PIPE):
        assert f"\n| {status} | " in text
    assert all(f"| `{name}" in text for name in COMMANDS)
