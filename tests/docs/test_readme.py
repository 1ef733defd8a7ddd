"""What the README shows runs, prints what it says, and leads somewhere."""

import json
import re
from pathlib import Path

import pytest

import fastmlp

ROOT = Path(__file__).parents[2]
if not (ROOT / "README.md").is_file() or not (ROOT / "docs").is_dir():
    pytest.skip("the README is not part of this installation", allow_module_level=True)
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", TEXT, re.MULTILINE | re.DOTALL)
CALLS = re.findall(r"^\| [^|`]+ \| `(.+)` \|$", TEXT, re.MULTILINE)


@pytest.fixture
def shown(capsys):
    """Return the names that the README's code leaves, once it has run; what it prints is compared."""
    names = {}
    for code, printed in BLOCKS:
        exec(compile(code, "README.md", "exec"), names)
        assert capsys.readouterr().out == printed
    return names


def test_its_code_prints_what_it_says_and_each_call_is_one(shown, tmp_path, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fastmlp.datasets.load_mnist", lambda: "60000 images")
    assert len(BLOCKS) == 3 and len(CALLS) >= 12
    shown |= {name: getattr(fastmlp, name) for name in fastmlp.__all__ if name not in shown}
    for call in CALLS:
        eval(call, shown)
    matplotlib.pyplot.close("all")
    assert {path.name for path in tmp_path.iterdir()} == {"net.safetensors", "net.h"}


def test_its_links_and_pictures_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)|(?:src|srcset)=\"([^\"]+)\"", TEXT)
    assert len(links) > 12
    assert [a or b for a, b in links if not (ROOT / (a or b)).exists()] == []


SPEED = {  # a row of the table of speeds: the benchmark's case
    "XOR 2-2-1, full batch, 3000 epochs": "xor",
    "35-20-10, SGD, batch 1": "35-20-10-sgd-b1",
    **{
        f"784-32-10, {optimizer}, batch {batch}": f"784-32-10-{optimizer.lower()}-b{batch}"
        for optimizer in ("SGD", "momentum", "Adam")
        for batch in (1, 32, 128)
    },
    **{f"784-256-128-64-10, Adam, batch {b}": f"784-256-128-64-10-adam-b{b}" for b in (1, 32, 128, 1000)},
    "784-512-512-10, ReLU, dropout, Adam, batch 128": "784-512-512-10-adam-b128",
    "3072-100-10, dense, SGD and L2, batch 128": "3072-100-10-sgd-b128",
    "784-256-128-64-10, one row through `Network.predict`": "predict-one",
    "the same, 10000 rows": "predict-10000",
    "25 nets of 3-10-1 side by side, SGD, batch 1": "many-sgd-b1",
    "35 million normal values": "noise-35m",
}
PEERS = {"jax": "JAX", "numpy": "NumPy", "torch": "PyTorch", "onnxruntime": "onnxruntime", "fann": "FANN"}


def kept(kind):
    """Return {case: what was found} of the run that is kept of a kind of machine."""
    runs = [json.loads(path.read_text()) for path in (ROOT / "bench/results").glob("*.json")]
    (cases,) = [run["cases"] for run in runs if run["kind"] == kind]
    return {case["name"]: case | case["levels"][0] for case in cases if case["levels"]}


def ratio(found):
    r = found["ratio"]
    return f"{r:.1f}" if r >= 1.095 else f"{r:.2f}" if r >= 0.995 else f"**{r:.2f}**"


def time(found):
    seconds = found["seconds" if found["unit"] == "run" else "per_sample"]
    unit, scale = ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6) if seconds >= 1e-7 else ("ns", 1e9)
    value = scale * seconds
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.{1 if value >= 10 else 2}f} {unit}"


def test_its_speeds_are_those_of_the_runs_that_are_kept():
    avx512, avx2 = kept("avx512"), kept("avx2 on an avx512 machine, the peers as they come")
    expected = []
    for row, case in SPEED.items():
        both = avx512[case], avx2[case]
        peers = dict.fromkeys(PEERS[found["fastest_peer"].split("/")[0]] for found in both)
        cells = [row, *(cell for found in both for cell in (time(found), ratio(found))), ", ".join(peers)]
        expected.append(f"| {' | '.join(cells)} |")
    held = kept("avx2 on an avx512 machine, and the peers too, but onnxruntime")
    r = {case: ratio(found) for case, found in held.items() if "ratio" in found}
    wide, *narrow = (
        ", ".join(r[f"{case}-b{batch}"] for batch in batches)
        for case, batches in [
            ("784-256-128-64-10-adam", (1, 32, 128, 1000)),
            *((f"784-32-10-{optimizer}", (1, 32, 128)) for optimizer in ("sgd", "momentum", "adam")),
        ]
    )
    expected.append(
        f"XOR {r['xor']}, 35-20-10 {r['35-20-10-sgd-b1']}; 784-32-10 at batch 1, 32 and 128 {narrow[0]} with "
        f"SGD, {narrow[1]} with momentum and {narrow[2]} with Adam; 784-256-128-64-10 at batch 1, 32, 128 "
        f"and 1000 {wide}; with dropout {r['784-512-512-10-adam-b128']}, dense {r['3072-100-10-sgd-b128']}, "
        f"10000 rows {r['predict-10000']}."
    )
    shown = " ".join(TEXT.split())
    if missing := [each for each in expected if each not in shown]:
        pytest.fail("bench/results says otherwise:\n" + "\n".join(missing), pytrace=False)
