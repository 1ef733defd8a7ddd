"""Files as they come to `fastmlp train`: packed, with a first line of Excel's, with codes; Ctrl-C early."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastmlp.cli import main

pd = pytest.importorskip("pandas")
pytest.importorskip("matplotlib")

from fastmlp.cli.table import read  # noqa: E402

QUICK = ("--epochs", "15", "--cv", "2", "--hidden", "8", "--threads", "1", "--out", "m.safetensors")


@pytest.fixture(autouse=True)
def in_a_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def codes(n=60):
    """Return CSV whose classes and places are numbers with zeros before them."""
    random = np.random.RandomState(0)
    place = random.choice(["00501", "10115", "99998"], n)
    kind = np.where(place == "00501", "01", np.where(place == "10115", "02", "10"))
    size = random.normal(size=n).round(2)
    return pd.DataFrame({"place": place, "size": size, "kind": kind}).to_csv(index=False)


def test_codes_that_begin_with_0_stay_texts(capsys):
    Path("data.csv").write_text(codes())
    how = (*QUICK, "--learning-rate", "0.05", "--dropout", "0", "--patience", "0")
    assert main(["train", "data.csv", "--target", "kind", *how]) == 0
    told = capsys.readouterr().out
    assert "kind has 3 classes: " in told and "01 (" in told and "1 of texts, an input for each of 3" in told
    assert "place: texts, for some are no numbers but begin with 0" in told
    capsys.readouterr()
    assert main(["predict", "m.safetensors", "data.csv"]) == 0
    told = capsys.readouterr()
    assert set(told.out.split()[1:]) == {"01", "02", "10"} and "60 of 60 rows are told right" in told.err


def test_what_is_no_code():
    """0, 0.5 and -07 are numbers; so is a column with a single slip among many; texts stay what they are."""
    n = 200
    frame = pd.DataFrame({"zero": ["0", "1"] * 100, "half": ["0.5", "10"] * 100, "minus": ["-07", "3"] * 100})
    frame["slip"] = ["007"] + ["12"] * (n - 1)
    frame["missing"] = ["01", None] * 100
    frame["text"] = ["01 a", "b"] * 100
    frame.to_csv("data.csv", index=False)
    table = read("data.csv")
    kinds = {name: pd.api.types.is_numeric_dtype(table.frame[name]) for name in table.frame}
    assert kinds == dict(zero=True, half=True, minus=True, slip=True, missing=False, text=False)
    assert table.codes == {"missing"} and table.frame["missing"].dropna().unique().tolist() == ["01"]
    Path("rows.csv").write_text("x,y\n" + "".join(f"{k},{k % 40:03d}\n" for k in range(80)))
    assert main(["train", "rows.csv", "--target", "y", "--task", "regression", *QUICK]) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("first", ["", "sep=;\n", "sep=;\r\n", '"SEP=;"\n'])
def test_every_way_to_write_a_table(encoding, packed, first):
    text = first + 'x;y\n1,5;"ä"\n2,5;"b;c"\n'
    content = text.encode(encoding)
    Path("data.csv").write_bytes(gzip.compress(content) if packed else content)
    table = read("data.csv")
    assert table.frame.columns.tolist() == ["x", "y"] and table.frame["y"].tolist() == ["ä", "b;c"]
    assert "columns are separated by semicolons" in table.notes
    assert ("the file is packed by gzip" in table.notes) == packed


def test_the_separator_that_is_asked_for_goes_before_the_one_in_the_file():
    Path("data.csv").write_text("sep=;\nx,y\n1,2\n")
    assert read("data.csv", separator=",").frame.columns.tolist() == ["x", "y"]
    Path("data.csv").write_text("sep=a,y\n1,2\n")  # a column's name
    assert read("data.csv").frame.columns.tolist() == ["sep=a", "y"]


def test_what_is_packed_and_no_table():
    whole = gzip.compress(codes().encode())
    for content, said in [
        (whole[:-20], "packed by gzip, and damaged"),
        (whole[:40] + b"\0" + whole[41:], "packed by gzip, and damaged"),
        (gzip.compress(b""), "packed by gzip, and empty"),
        (gzip.compress(b"PK\3\4"), "a zip archive or an Excel file"),
        (gzip.compress(b"\xff\xfe\xff"), "is not text in UTF-16"),
        (gzip.compress(b"a,\xff"), "is not text in UTF-8"),
        (b"sep=;\n", "its first line names no columns"),
    ]:
        Path("data.csv").write_bytes(content)
        with pytest.raises(ValueError, match=said):
            read("data.csv")


def interrupted(code):
    how = dict(capture_output=True, text=True, check=False, timeout=60)
    ended = subprocess.run([sys.executable, "-c", code], **how)
    assert (ended.returncode, ended.stderr) == (130, "fastmlp: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to send")
def test_ctrl_c_while_the_package_is_imported():
    interrupted(
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'fastmlp.cli.options': os.kill(os.getpid(), signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from fastmlp_command import main\n"
        "sys.exit(main())"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to send")
@pytest.mark.parametrize("then", ["pass", "raise ImportError('initialization failed')"])
def test_ctrl_c_that_a_library_catches(then):
    """What is imported later may make another error of it, or none."""
    interrupted(
        "import os, signal, sys\n"
        "from fastmlp.cli import info, main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def run(options):\n"
        "    try: os.kill(os.getpid(), signal.SIGINT)\n"
        f"    except BaseException: {then}\n"
        "info.run = run\n"
        "sys.exit(main(['info', 'x']))"
    )
