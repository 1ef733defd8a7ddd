"""`fastmlp train`, `predict` and `bench`: tables as people have them, and all that is told of them."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import fastmlp
from fastmlp import MLPClassifier
from fastmlp.cli import main

pd = pytest.importorskip("pandas")
plt = pytest.importorskip("matplotlib.pyplot")

from fastmlp.cli.columns import Columns  # noqa: E402
from fastmlp.cli.learning import Recipe  # noqa: E402
from fastmlp.cli.progress import Silent  # noqa: E402
from fastmlp.cli.table import Table, as_numbers, read  # noqa: E402

QUICK = ("--epochs", "15", "--cv", "2", "--hidden", "8", "--threads", "1")


@pytest.fixture(autouse=True)
def in_a_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def people(n=80, seed=0):
    """Return a table as those of ships: texts, numbers, missing values, names that tell nothing."""
    random = np.random.RandomState(seed)
    sex = random.choice(["female", "male"], n)
    survived = np.where(random.rand(n) < 0.9, sex == "female", sex == "male").astype(int)
    frame = pd.DataFrame({"id": np.arange(1, n + 1), "survived": survived, "sex": sex})
    frame["age"] = random.gamma(6, 5, n).round(1)
    frame["port"] = random.choice(["S", "C", "Q"], n)
    frame["name"] = [f'Mr. {k}, <b>the</b> "{k}th"' for k in range(n)]
    frame.loc[::7, "age"] = np.nan
    frame.loc[3:5, "port"] = None
    return frame


def train(frame="data.csv", *argv, target="survived", how=QUICK):
    """Write a table and train on it; return the exit status."""
    if not isinstance(frame, str):
        frame.to_csv("data.csv", index=False)
        frame = "data.csv"
    return main(["train", frame, "--target", target, "--out", "m.safetensors", *how, *argv])


def refused(capsys, *argv):
    """Return what a command that must fail says: one line, on standard error."""
    assert main(argv) == 2
    told = capsys.readouterr().err
    assert told.startswith("fastmlp: error: ") and told.count("\n") == 1
    return told.removeprefix("fastmlp: error: ").rstrip()


def refused_table(capsys, content, *argv, target="y"):
    """Return what `train` says of a file that it must refuse."""
    Path("bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    for name in ("m.safetensors", "m.html"):
        Path(name).unlink(missing_ok=True)
    capsys.readouterr()
    told = refused(capsys, "train", "bad.csv", "--target", target, "--out", "m.safetensors", *argv)
    assert not os.path.exists("m.safetensors") and not os.path.exists("m.html")
    return told


def rows(n=40, **columns):
    """Return CSV with a number x, a text k, and y = 2 x."""
    random = np.random.RandomState(0)
    x = random.normal(size=n).round(3)
    frame = pd.DataFrame({"x": x, "k": np.where(random.rand(n) < 0.5, "a", "b"), "y": 2 * x})
    return frame.assign(**columns).to_csv(index=False)


def predicted(capsys, *argv):
    """Return the lines that `predict` writes, and what it notes."""
    capsys.readouterr()
    assert main(["predict", "m.safetensors", *argv]) == 0
    told = capsys.readouterr()
    assert all(line.startswith("fastmlp: note: ") for line in told.err.splitlines())
    return list(csv.reader(io.StringIO(told.out))), told.err


class Page(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def test_what_is_decided_is_told(capsys):
    assert train(people(), "--learning-rate", "0.03") == 0
    told = capsys.readouterr().out
    for line in (
        "data.csv: 80 rows",
        "classification: survived has 2 classes: ",
        "2 columns of numbers, scaled; 2 of texts, an input for each of 5 categories; 9 inputs together",
        "note: id: counts the rows; if it is but their number, leave it out by --drop 'id'",
        "note: age: 12 missing, the median ",
        "note: port: 3 missing, a category of their own",
        "note: name: left out: 80 different texts in 80 rows tell rows apart, not kinds, as 'Mr. 0, <b>the",
        "network 9-8-1, 89 parameters: ",
        "on rows held out, 2 folds  model",
        "written: m.safetensors, m.html",
    ):
        assert line in told, line
    accuracy = next(line for line in told.splitlines() if line.startswith("accuracy")).split()
    assert float(accuracy[1]) > 0.7 > 0.6 > float(accuracy[4])  # 0.9 can be told; always the same about half


def test_the_file_says_all_that_predict_needs(capsys):
    frame = people()
    assert train(frame, "--drop", "id") == 0
    said = fastmlp.read_info("m.safetensors")["metadata"]["fastmlp train"]
    by = {column["name"]: column for column in said["columns"]}
    assert list(by) == ["sex", "age", "port"] and said["rows"] == 80 and said["target"] == "survived"
    assert by["age"]["fill"] == frame["age"].median() and by["age"]["may_miss"]
    assert by["age"]["mean"] == pytest.approx(frame["age"].mean())
    assert by["age"]["scale"] == pytest.approx(frame["age"].std(ddof=0))
    assert by["port"]["categories"] == ["C", "Q", "S"] and by["port"]["may_miss"]
    assert main(["info", "m.safetensors"]) == 0
    out = capsys.readouterr().out
    assert "    - kind: text, name: port, categories: ['C', 'Q', 'S'], may_miss: True\n" in out
    assert "  task: classification\n" in out


def test_predictions_are_those_of_the_model(capsys):
    frame = people()
    train(frame)
    lines, notes = predicted(capsys, "data.csv", "--probabilities")
    model = fastmlp.load("m.safetensors")
    X = np.zeros((80, 9), np.float32)
    X[:, 0] = (frame["id"] - frame["id"].mean()) / frame["id"].std(ddof=0)
    X[:, 1], X[:, 2] = frame["sex"] == "female", frame["sex"] == "male"
    age = frame["age"].fillna(frame["age"].median())
    X[:, 3], X[:, 4] = (age - frame["age"].mean()) / frame["age"].std(ddof=0), frame["age"].isna()
    for k, port in enumerate("CQS"):
        X[:, 5 + k] = frame["port"] == port
    X[:, 8] = frame["port"].isna()
    assert lines[0] == ["survived", "probability of 0", "probability of 1"]
    assert [int(line[0]) for line in lines[1:]] == model.predict(X).tolist()
    p = np.array([line[1:] for line in lines[1:]], float)
    np.testing.assert_allclose(p, model.predict_proba(X), atol=1e-5)
    right = int((model.predict(X) == frame["survived"]).sum())
    assert f"survived is a column too: {right} of 80 rows are told right" in notes


def test_columns_are_found_by_name_and_what_is_new_is_told(capsys):
    frame = people()
    train(frame, "--drop", "id")
    frame["age"] = frame["age"].fillna(30.0)
    frame.to_csv("data.csv", index=False)
    plain, notes = predicted(capsys, "data.csv")
    assert "do not read" not in notes and "columns that the model does not read: id, name" in notes
    shuffled = frame[["port", "name", "age", "sex"]].assign(more=1)
    shuffled.to_csv("shuffled.csv", index=False)
    again, notes = predicted(capsys, "shuffled.csv")
    assert again == plain and "not read: name, more" in notes and "told right" not in notes
    shuffled["age"] = shuffled["age"].astype(object)
    shuffled.loc[:2, "age"] = [None, "old", "1e999"]
    shuffled.loc[3:6, "sex"] = ["divers", "divers", "x", None]
    shuffled.to_csv("shuffled.csv", index=False)
    _, notes = predicted(capsys, "shuffled.csv")
    assert "age: 1 of 80 missing: " in notes
    assert "age: 2 of 80 are no finite numbers, as 'old', '1e999': taken as missing" in notes
    assert "sex: 3 of 80 of unknown categories, as 'divers', 'x': taken as none" in notes
    assert "sex: 1 of 80 missing, which no training row was: taken as no category" in notes
    shuffled.drop(columns=["age", "sex"]).to_csv("shuffled.csv", index=False)
    told = refused(capsys, "predict", "m.safetensors", "shuffled.csv")
    assert told == "shuffled.csv lacks columns that m.safetensors reads: sex, age"


def test_unknown_categories_count_as_none():
    table = Table(pd.DataFrame({"k": ["a", "b", "a"], "x": [1.0, 3.0, 5.0]}), False, [])
    columns = Columns.learn(table)
    new = Table(pd.DataFrame({"x": [np.nan, 5.0], "k": ["c", "b"]}), False, [])
    np.testing.assert_allclose(columns.apply(new), [[0, 0, 0], [0, 1, 2 / (8 / 3) ** 0.5]], atol=1e-6)
    assert columns.width == 3 and columns.texts == ["k"]
    again = Columns(columns.columns)
    assert np.array_equal(again.apply(new), columns.apply(new))


def test_regression(capsys):
    Path("data.csv").write_text(rows(60))
    assert train("data.csv", "--learning-rate", "0.03", "--epochs", "60", target="y") == 0
    told = capsys.readouterr().out
    assert "regression: y holds numbers from " in told and "the mean" in told
    error = next(line for line in told.splitlines() if line.startswith("mean absolute error")).split()
    assert float(error[3]) < 0.5 < 1 < float(error[6])
    lines, notes = predicted(capsys, "data.csv")
    y = pd.read_csv("data.csv")["y"]
    values = np.array([line[0] for line in lines[1:]], float)
    assert f"the mean absolute error over 60 rows is {np.abs(values - y).mean():.4g}" in notes
    assert np.corrcoef(values, y)[0, 1] > 0.95 and abs(values.std() / y.std() - 1) < 0.3  # in y's unit
    assert "which have no --probabilities" in refused(
        capsys, "predict", "m.safetensors", "data.csv", "--probabilities"
    )


def test_the_task_is_decided_by_the_target_and_can_be_said(capsys):
    n = 60
    for values, task, said in (
        (np.arange(n) % 20, "classification", "20 classes"),
        (np.arange(n) % 21, "regression", "from 0 to 20"),
        (np.arange(n) % 2 + 0.5, "regression", "from 0.5 to 1.5"),
        (np.where(np.arange(n) % 2, "yes", "no"), "classification", "no (30), yes (30)"),
        (np.arange(n) % 3 == 0, "classification", "False (40), True (20)"),
    ):
        Path("data.csv").write_text(rows(n, y=values))
        assert train("data.csv", "--cv", "0", "--epochs", "1", target="y") == 0
        told = capsys.readouterr().out
        assert f"{task}: y " in told and said in told and "nothing is known of other rows" in told
    Path("data.csv").write_text(rows(n, y=np.arange(n) % 2))
    assert train("data.csv", "--task", "regression", "--cv", "0", "--epochs", "1", target="y") == 0
    assert "regression: y holds numbers from 0 to 1\n" in capsys.readouterr().out
    assert "--balanced" in refused_table(capsys, rows(), "--balanced")


def test_labels_stay_as_they_are_written(capsys):
    labels = np.array(["007", "true", "1.50", "ja"])[np.arange(40) % 4]
    Path("data.csv").write_text(rows(y=labels))
    assert train("data.csv", "--task", "classification", target="y") == 0
    lines, notes = predicted(capsys, "data.csv")
    assert {line[0] for line in lines[1:]} <= set(labels)
    right = sum(line[0] == label for line, label in zip(lines[1:], labels, strict=True))
    assert f"{right} of 40 rows" in notes


def test_what_was_a_text_in_training_is_one_later(capsys):
    k = np.array(["01", "02", "x"])[np.arange(42) % 3]
    Path("data.csv").write_text(rows(42, k=k, y=np.array([0.5, 1.5])[np.arange(42) % 2]))
    assert train("data.csv", "--task", "classification", target="y") == 0
    Path("new.csv").write_text("x,k\n1,01\n2,02\n")
    lines, notes = predicted(capsys, "new.csv")
    assert notes == "" and {line[0] for line in lines[1:]} <= {"0.5", "1.5"}


def test_separators_commas_marks_and_encodings(capsys):
    plain = rows()
    for content, notes, argv in (
        (
            plain.replace(",", ";").replace(".", ","),
            ("separated by semicolons", "note: x: decimal commas"),
            (),
        ),
        (plain.replace(",", "\t"), ("separated by tabs",), ()),
        ("\ufeff" + plain, ("byte order mark",), ()),
        (plain.replace("k", "größe").encode("latin-1"), (), ("--encoding", "latin-1")),
        (plain.encode("utf-16"), (), ("--encoding", "utf-16")),
        (plain.replace(",", "!"), (), ("--separator", "!")),
        (plain.replace(",", ", ").replace("\n", "\r\n"), (), ()),
    ):
        Path("data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        assert train("data.csv", *argv, "--cv", "0", "--epochs", "1", target="y") == 0
        told = capsys.readouterr().out
        assert all(note in told for note in notes)
        said = fastmlp.read_info("m.safetensors")["metadata"]["fastmlp train"]["columns"]
        assert said[0]["name"] == "x" and said[1]["categories"] == ["a", "b"]
        assert said[0]["mean"] == pytest.approx(pd.read_csv(io.StringIO(plain))["x"].mean())


def test_a_model_of_one_notation_reads_another(capsys):
    Path("data.csv").write_text(rows())
    train("data.csv", target="y")
    plain, _ = predicted(capsys, "data.csv")
    Path("data.csv").write_text(rows().replace(",", ";").replace(".", ","))
    assert predicted(capsys, "data.csv")[0] == plain


def test_numbers_as_they_are_written():
    column = pd.Series(["1,5", " 2 ", "-,5e1", None, "1.5", "1,234,567", "a", "0x10", "1_0"], dtype=object)
    values, wrong, n_wrong, has_commas = as_numbers(column, True)
    np.testing.assert_array_equal(values[:5], [1.5, 2, -5, np.nan, 1.5])
    assert np.isnan(values[5:]).all() and n_wrong == 4 and wrong == ["1,234,567", "a", "0x10"] and has_commas
    values, _, n_wrong, has_commas = as_numbers(column, False)
    assert np.isnan(values[0]) and n_wrong == 6 and not has_commas


def test_columns_that_tell_nothing_and_wild_numbers(capsys):
    huge = np.where(np.arange(40) % 2, 1e308, -1e308)
    wild = np.where(np.arange(40) == 7, np.inf, np.arange(40.0))
    Path("data.csv").write_text(rows(empty=[None] * 40, same=3, word="w", huge=huge, wild=wild))
    assert train("data.csv", target="y") == 0
    told = capsys.readouterr().out
    assert "note: empty: left out: no row has a value" in told
    assert "note: same: left out: all rows have the value 3" in told
    assert "note: word: left out: all rows have the value 'w'" in told
    assert "note: wild: 1 of 40 are no finite numbers, as 'inf': taken as missing" in told
    columns = fastmlp.read_info("m.safetensors")["metadata"]["fastmlp train"]["columns"]
    found = {column["name"]: column for column in columns}
    assert found["huge"]["mean"] == 0 and found["huge"]["scale"] == 1e308 and found["wild"]["may_miss"]
    assert len(predicted(capsys, "data.csv")[0]) == 41


def test_rare_and_many_categories(capsys):
    n = 600
    many = [f"c{k // 4:03}" for k in range(n)]
    Path("data.csv").write_text(rows(n, many=many))
    assert train("data.csv", "--cv", "0", "--epochs", "1", target="y") == 0
    assert "many: the 100 most frequent of 150 categories, others as none" in capsys.readouterr().out
    labels = np.where(np.arange(40) == 0, "rare", np.where(np.arange(40) % 2, "a", "b"))
    Path("data.csv").write_text(rows(y=labels))
    assert train("data.csv", target="y") == 0
    assert "1 classes have less than 5 rows, as 'rare'" in capsys.readouterr().out
    assert predicted(capsys, "data.csv")[0][0] == ["y"]


def test_rows_without_a_target_are_left_out(capsys):
    Path("data.csv").write_text(rows() + "1,a,\n2,b,?\n3,a,inf\n")
    assert train("data.csv", target="y") == 0
    told = capsys.readouterr().out
    assert "3 of 43 rows have no y, or no finite number, as 'inf': left out" in told
    assert "data.csv: 40 rows" in told


def test_a_model_that_tells_nothing_is_called_so(capsys):
    random = np.random.RandomState(1)
    Path("data.csv").write_text(rows(60, y=random.normal(size=60)))
    assert train("data.csv", target="y") == 0
    assert "by R² this is hardly better than the mean" in capsys.readouterr().out


def test_the_report_is_one_file_and_escaped(capsys):
    frame = people().rename(columns={"sex": "<script>alert(1)</script>", "survived": "a&<i>b"})
    frame["port"] = frame["port"].map({"S": "<b>S", "C": "$C_", "Q": '"Q'})
    assert train(frame, "--report", "told.html", target="a&<i>b") == 0
    text = Path("told.html").read_text(encoding="utf-8")
    page = Page(text)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "b", "i", "link", "iframe"}
    pictures = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(pictures) == 3 and all(src.startswith("data:image/png;base64,") for src in pictures)
    assert (
        "http" not in text
        and "<script>alert(1)</script>" in page.texts
        and "a&<i>b of data.csv" in page.texts
    )
    assert any("$C_" in part for part in page.texts)
    assert sorted(os.listdir()) == ["data.csv", "m.safetensors", "told.html"]


@pytest.mark.parametrize(
    "content, said",
    [
        ("", "bad.csv is empty"),
        ("x,y\n", "the table names columns, but has no rows"),
        ("x,y\n1,2\n3,4\n", "only 2 rows have a y: at least 10 are needed"),
        (rows() + "1,2\n", "line 42 has 2 fields, the first line names 3 columns"),
        (rows() + "1,a,2,3\n", "line 42 has 4 fields"),
        (rows() + '1,"a,2\n', "line 42: a quote is opened and not closed"),
        (rows().replace("x,k,y", "y,k,y"), "columns must have names of their own; twice there is y"),
        (rows().replace("k", "é").encode("latin-1"), "is not text in UTF-8 (invalid continuation"),
        (b"PK\x03\x04" + b"\0" * 50, "is no CSV file but a zip archive or an Excel file"),
        (b"a\0b,y\n1,2\n", "is no CSV file"),
        ("y\n" + "1\n2\n" * 20, "no column is left to learn from: the table has no other"),
        (rows(x=1, k="a"), "no column is left to learn from: x: all rows have the value 1; k: all rows have"),
        (rows(y=None), "--target 'y' has no value in any row"),
        (rows(y="yes"), "--target 'y' is yes in all rows: at least two classes are needed"),
        (rows(y=1.5), "--target 'y' is 1.5 in all rows"),
        (rows(y=[f"t{k}" for k in range(40)]), "--target 'y' holds 40 different values in 40 rows"),
        (rows().replace("y", "z"), "--target 'y' is no column of the table; there are x, k, z"),
    ],
)  # fmt: skip
def test_tables_that_nothing_can_be_learned_from(capsys, content, said):
    assert said in refused_table(capsys, content)


def test_options_that_cannot_be(capsys, monkeypatch):
    for argv, said in (
        (("--hidden", "64,,x"), "--hidden: takes widths with commas between, such as 64,32, or 0"),
        (("--hidden=-3",), "--hidden: takes widths"),
        (("--hidden", "1000000000"), "--hidden: takes widths of at most 100000 each"),
        (("--hidden", "90000,90000"), "with at most 100000000 weights between them"),
        (("--epochs", "0"), "--epochs: must be a whole number of at least 1; got '0'"),
        (("--learning-rate", "nan"), "--learning-rate: must be a number above 0; got 'nan'"),
        (("--dropout", "1"), "--dropout: must be a number of at least 0 and below 1; got '1'"),
        (("--seed", "4294967296"), "--seed: must be"),
        (("--activation", "rleu"), "--activation: invalid choice: 'rleu'"),
        (("--cv", "1"), "--cv must be 0 (no cross-validation) or from 2 to the number of rows, 40; got 1"),
        (("--cv", "41"), "--cv must be 0"),
        (("--drop", "q"), "--drop 'q' is no column of the table; there are x, k, y"),
        (("--encoding", "klingon"), "--encoding 'klingon' is none that Python knows"),
        (("--separator", ";;"), "--separator: must be one sign, such as ; or tab"),
        (("--report", "nowhere/r.html"), "nowhere: No such file or directory"),
        (("--out", "m.pt"), "--out must end in .safetensors; got m.pt"),
        (("--out", "nowhere/m.safetensors"), "nowhere: No such file or directory"),
        (("--drop", "y"), "--drop 'y' is the target"),
        (("--report", "bad.csv"), "bad.csv is read or written already: it would be lost"),
        (("--report", "m.safetensors"), "m.safetensors is read or written already"),
    ):
        assert said in refused_table(capsys, rows(), *argv), argv
    assert "Is a directory" in refused(capsys, "train", ".", "--target", "y", "--out", "m.safetensors")
    os.mkdir("m.safetensors")
    Path("data.csv").write_text(rows())
    told = refused(capsys, "train", "data.csv", "--target", "y", "--out", "m.safetensors")
    assert "m.safetensors is a folder" in told
    monkeypatch.setitem(sys.modules, "pandas", None)
    told = refused(capsys, "train", "bad.csv", "--target", "y", "--out", "n.safetensors")
    assert told == "tables are read by pandas: pip install 'fastmlp[cli]'"


def test_models_that_predict_cannot_read(capsys):
    Path("data.csv").write_text(rows())
    train("data.csv", target="y")
    data = bytearray(Path("m.safetensors").read_bytes())
    data[-3] ^= 1
    Path("broken.safetensors").write_bytes(data)
    assert "is truncated or altered" in refused(capsys, "predict", "broken.safetensors", "data.csv")
    model = MLPClassifier((3,), solver="lbfgs", random_state=0).fit(np.eye(4), list("abca"))
    fastmlp.save(model, "other.safetensors")
    told = refused(capsys, "predict", "other.safetensors", "data.csv")
    assert told == "other.safetensors holds a model, but no columns: `fastmlp train` did not make it"
    said = fastmlp.read_info("m.safetensors")["metadata"]["fastmlp train"]
    good, hidden = fastmlp.load("m.safetensors"), dict(said)
    for lie in (
        {"version": 99}, {"version": None}, {"columns": []}, {"columns": said["columns"][:1]}, {"target": 3},
        {"columns": [{"kind": "number", "name": "x"}] * 2}, {"columns": [{"kind": "code", "name": "x"}]},
        {"mean": "a"}, {"columns": 5}, {"columns": [{**said["columns"][0], "fill": "0"}, said["columns"][1]]},
        {"columns": [said["columns"][0], {**said["columns"][1], "categories": [1, 2]}]},
        {"columns": [{**said["columns"][0], "scale": 0.0}, said["columns"][1]]},
    ):  # fmt: skip
        fastmlp.save(good, "lies.safetensors", metadata={"fastmlp train": hidden | lie})
        assert "is not as `fastmlp train` writes it" in refused(
            capsys, "predict", "lies.safetensors", "data.csv"
        )
    fastmlp.save(good, "lies.safetensors", metadata={"fastmlp train": [1]})
    assert "is not as `fastmlp train` writes it" in refused(capsys, "predict", "lies.safetensors", "data.csv")


def test_few_rows_of_numbers_that_hardly_repeat_are_no_classes(capsys):
    rows = "".join(f"{k},{1000 * (k % 15)}\n" for k in range(18))
    for text, task in (("x,y\n" + rows, "regression"), ("x,y\n" + rows * 2, "classification")):
        Path("t.csv").write_text(text)
        assert train("t.csv", target="y") == 0
        assert f"\n{task}: y" in capsys.readouterr().out


def test_what_is_told_of_targets_and_tables_that_lack_something(capsys):
    def refused(*argv):
        assert main(argv) == 2
        return capsys.readouterr().err

    def told(text, *argv):
        Path("t.csv").write_text(text)
        return refused("train", "t.csv", "--target", "y", "--out", "m.safetensors", *argv)

    assert "(10 more have none; NA, None" in told("x,y\n" + "1,NA\n2,EU\n" * 10)
    assert "a single one; is it another sign" in told("x:y\n" + "1:2\n" * 10)
    assert "write it in a larger unit" in told("x,y\n" + "".join(f"{k},{k}.5e300\n" for k in range(30)))
    people().to_csv("data.csv", index=False)
    assert train("data.csv") == 0
    people()[:0].to_csv("none.csv", index=False)
    capsys.readouterr()
    assert refused("predict", "m.safetensors", "none.csv").endswith(
        "none.csv names columns, but has no rows\n"
    )


def test_predictions_are_written_whole(capsys):
    Path("data.csv").write_text(rows())
    train("data.csv", target="y")
    plain, _ = predicted(capsys, "data.csv")
    assert main(["predict", "m.safetensors", "data.csv", "--out", "told.csv"]) == 0
    assert capsys.readouterr().out == ""
    assert list(csv.reader(io.StringIO(Path("told.csv").read_text()))) == plain
    told = refused(capsys, "predict", "m.safetensors", "data.csv", "--out", "m.safetensors")
    assert told == "m.safetensors is read or written already: it would be lost"
    assert "nowhere: No such" in refused(
        capsys, "predict", "m.safetensors", "data.csv", "--out", "nowhere/x.csv"
    )


def test_the_same_seed_gives_the_same_model():
    files = []
    for argv in ((), ("--threads", "2"), ("--seed", "1")):
        train(people(), *argv)
        files.append(fastmlp.load("m.safetensors").coefs_[0])
    assert np.array_equal(files[0], files[1]) and not np.array_equal(files[0], files[2])


def test_which_rows_are_set_aside():
    y = np.array(["a"] * 50 + ["b"] * 30 + ["rare"] + ["two"] * 2)
    aside = Recipe(True).aside(y)
    assert len(aside) == round(83 * 0.15) and len(set(aside)) == len(aside)
    labels, counts = np.unique(y[aside], return_counts=True)
    assert "rare" not in labels and dict(zip(labels, counts, strict=True))["a"] in (7, 8)
    assert not len(Recipe(True, patience=0).aside(y)) and not len(Recipe(True).aside(y[:39]))
    assert not len(Recipe(True).aside(np.arange(60) // 2))  # nine rows of thirty classes
    assert len(Recipe(False).aside(np.arange(100.0))) == 15 and not len(Recipe(False).aside(np.arange(39.0)))


def test_without_rows_set_aside_all_epochs_are_trained(capsys):
    Path("data.csv").write_text(rows(60, y=np.random.RandomState(0).rand(60)))
    argv = ("--patience", "0", "--learning-rate", "1", "--epochs", "50")
    assert train("data.csv", *argv, target="y") == 0  # a loss that jumps up and down
    assert " parameters: 50 epochs\n" in capsys.readouterr().out


def test_few_rows_and_no_hidden_layer(capsys):
    Path("data.csv").write_text(rows(12, y=np.arange(12) % 2))
    assert train("data.csv", "--hidden", "0", "--cv", "9", "--patience", "0", target="y") == 0
    told = capsys.readouterr().out
    assert "no class has as many rows as there are folds: 6 folds" in told and "weights of epoch" not in told
    assert "network 3-1, 4 parameters: 15 epochs" in told


def test_progress_counts_epochs(monkeypatch):
    """Three fits of 15 epochs each, whether they stop early or not."""
    asked, counted = [], []

    class Bar(Silent):
        def update(self, n=1):
            counted.append(n)

    monkeypatch.setattr("fastmlp.cli.train.progress", lambda *about: asked.append(about) or Bar())
    Path("data.csv").write_text(rows(120))
    assert train("data.csv", "--patience", "1", "--learning-rate", "1", target="y") == 0
    assert asked == [(45, " epochs", "training")] and sum(counted) == 45 and max(counted) > 1


@pytest.mark.skipif(os.name != "posix", reason="no signals to send")
def test_ctrl_c_leaves_no_files():
    Path("data.csv").write_text(rows(2000))
    argv = ["train", "data.csv", "--target", "y", "--out", "m.safetensors", "--epochs", "1000000"]
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"from fastmlp.cli import main; raise SystemExit(main({argv!r}))"
    )
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-uc", code], **pipes) as process:
        for _ in range(3):
            process.stdout.readline()  # it has read the table
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and told == b"fastmlp: interrupted\n" and os.listdir() == ["data.csv"]


def test_tables_are_read_as_they_are_written():
    Path("t.csv").write_text("id,flag,code,n\n1,true,01,1\n2,FALSE,1,\n3,,x,2\n")
    table = read("t.csv")
    assert table.frame["flag"].tolist()[:2] == ["true", "FALSE"] and table.frame["flag"].isna()[2]
    assert table.frame["code"].tolist() == ["01", "1", "x"] and table.frame["n"].sum() == 3
    assert read("t.csv", texts=["id", "none"]).frame["id"].tolist() == ["1", "2", "3"]


def test_bench(capsys, monkeypatch):
    monkeypatch.setattr("fastmlp.cli.bench.EPOCHS", 2)
    assert main(["bench", "--repeats", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("data ") and sum(line.endswith("  yes") for line in lines) == 5
    monkeypatch.setattr("fastmlp.cli.bench.np", SimpleNamespace(allclose=lambda *_, **__: False))
    assert main(["bench", "--repeats", "1"]) == 1
    assert capsys.readouterr().out.count("  NO\n") == 5
