"""The documentation site can be walked through: every page is in a toctree, every public name in the API."""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

import fastmlp

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
if not (DOCS / "conf.py").is_file():
    pytest.skip("the documentation is not part of this installation", allow_module_level=True)
MADE = {"api/generated", "gallery", "_build", "_templates", "_static"}  # by the build, or no pages
MODULES = [
    "activations", "callbacks", "datasets", "experiments", "graph", "initializers", "losses", "metrics",
    "model_selection", "noise", "plots", "schedules",
]  # fmt: skip
# of modules without __all__: what users call lies among helpers of other modules
HELPERS = {
    "activations": {"get", "log_sum_exp", "logistic", "softmax"},
    "initializers": {"draw", "get"},
    "losses": {"get", "one_hot"},
    "metrics": {"as_metric", "directions", "get", "has_parameter", "measure", "name_of", "named", "sign"},
    "schedules": {"PerStep", "keep", "options", "rates", "slow_down"},
}


def pages():
    """Return {name of a page that somebody wrote: its text}."""
    found = {}
    for path in sorted(DOCS.rglob("*")):
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        if (
            path.suffix in (".md", ".rst")
            and not any(name.startswith(f"{made}/") for made in MADE)
            and not path.stem.startswith("sg_")
        ):
            found[name] = path.read_text(encoding="utf-8")
    return found


def children(text):
    """Return the pages that the toctrees of a page name."""
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]


def test_every_page_is_in_one_toctree():
    texts = pages()
    named = [child for text in texts.values() for child in children(text)]
    assert len(texts) > 35
    assert sorted(named) == sorted({*texts, "gallery/index"} - {"index"})


def test_the_top_has_few_sections():
    assert len(children(pages()["index"])) <= 7


def test_links_lead_somewhere():
    lost = [
        f"{page}: {link}"
        for page, text in pages().items()
        for link in re.findall(r"\]\((?!https?:|#)([^)\s#]+)[^)\s]*\)", text)
        if not ((DOCS / page).parent / link).exists() and not link.startswith("gallery/")
    ]
    assert lost == []


def in_the_api():
    """Return the dotted names that the pages of the API have in their tables."""
    found = []
    for page, text in pages().items():
        if page.startswith("api/"):
            module = None
            for line in text.splitlines():
                if said := re.match(r"\.\. currentmodule:: (\S+)", line):
                    module = said[1]
                elif module and re.fullmatch(r"   \w+", line):
                    found.append(f"{module}.{line.strip()}")
    return found


def public():
    """Return the dotted names that are public."""
    names = {f"fastmlp.{n}" for n in fastmlp.__all__ if not inspect.ismodule(getattr(fastmlp, n))}
    names -= {f"fastmlp.{n}" for n in vars(fastmlp.exceptions) if not n.startswith("_")}
    names |= {f"fastmlp.exceptions.{n}" for n in vars(fastmlp.exceptions) if n[0].isupper()}
    for module in (import_module(f"fastmlp.{name}") for name in MODULES):
        own = [
            n
            for n, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__ and callable(value) and n[0] != "_"
        ]
        short = module.__name__.removeprefix("fastmlp.")
        names |= {
            f"{module.__name__}.{n}" for n in getattr(module, "__all__", set(own) - HELPERS.get(short, set()))
        }
    return names


def test_every_public_name_has_a_page_of_the_api():
    found = in_the_api()
    assert len(found) == len(set(found)) > 90
    assert set(found) == public()


@pytest.mark.parametrize("heading", ["## Speed", "## Install"])
def test_what_the_site_takes_of_the_readme_is_there(heading):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.splitlines().count(heading) == 1


def test_kept_runs_become_tables(tmp_path, monkeypatch):
    if not (ROOT / "bench").is_dir():
        pytest.skip("the benchmark is not part of this installation")
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.syspath_prepend(str(ROOT))
    made = import_module("make_results")
    found = {"level": "avx2", "seconds": 2e-3, "per_sample": 5e-7, "fastest_peer": "torch/2", "ratio": 3.0}
    case = {"title": "net, batch 32", "unit": "sample", "peers": {"torch/2": {"per_sample": 1.5e-6}}}
    run = {
        "level": "avx2", "kind": "AVX2", "when": "2026-01-02T03:04", "versions": {"fastmlp": "0.1"},
        "machine": {"cpu": "Some CPU", "n_cpus": 2, "system": "Linux"},
        "cases": [case | {"levels": [found | {"share": 0.5}]}, case | {"levels": [found], "chart": "width"}],
    }  # fmt: skip
    assert made.markdown(tmp_path) == ""
    (tmp_path / "some.json").write_text(json.dumps(run))
    (tmp_path / "some-goals.png").touch()
    text = made.markdown(tmp_path, "there")
    assert "### AVX2" in text
    assert "| net, batch 32 | 500 ns | torch/2, 1.5 µs | 3x | 50 % |" in text
    assert text.count("net, batch 32") == 1  # the points of charts are drawn
    assert "](there/some-goals.png)" in text


def test_the_seconds_of_further_backends_have_columns(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    pytest.importorskip("PIL")
    made = import_module("make_experiments")

    def run(backend, seconds):
        rows = [{"setting": "784-256-128-64-10", "seconds": None, "ours": {"seconds": [seconds]}}]
        return {"C5": {"backend": backend, "elapsed": 90.0, "rows": rows}}

    whole = run("avx512", 2.0) | {"E4": {"backend": "avx512", "elapsed": 30.0, "rows": []}}
    head, _, c5, everything = made.times([whole, run("avx2", 3.0)]).splitlines()
    assert head == "| experiment | what | goal | avx512 | avx2 |"
    assert c5.endswith("| 6 s | 2 s | 3 s |") and everything.endswith("| 25 min | 2.0 min |  |")
    assert made.times([whole]).splitlines()[0].endswith("| goal | avx512 |")
