"""Numbers as people write them: thousands, decimal commas, percent, money, dashes; what becomes of them."""

import numpy as np
import pytest

from fastmlp.cli import main

pd = pytest.importorskip("pandas")
pytest.importorskip("matplotlib")

from fastmlp.cli.table import read  # noqa: E402


@pytest.fixture(autouse=True)
def in_a_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def table(text, **how):
    with open("t.csv", "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return read("t.csv", **how)


@pytest.mark.parametrize(
    ("written", "meant", "told"),
    [
        ('"243,193"|"1,234.5"|"-1,000"', [243193, 1234.5, -1000], "commas part thousands"),
        ('"1,234,567"|2|3.5', [1234567, 2, 3.5], "commas part thousands"),
        ('"1.234,5"|"12,25"|7', [1234.5, 12.25, 7], "dots part thousands"),
        ('"1,5"|"-2,25"|3', [1.5, -2.25, 3], "decimal commas"),
        ("12.5%|7 %|-1%", [12.5, 7, -1], "percent signs"),
        ("$12.50|-$3|US$", None, ""),
        ("$12.50|-$3|$0", [12.5, -3, 0], "signs beside"),
        ("3 €|4.5 €|10€", [3, 4.5, 10], "signs beside"),
        ("1 234.5|12|999 999", [1234.5, 12, 999999], "thousands stand apart"),
        ("1'234|12|1'000'000", [1234, 12, 1000000], "thousands stand apart"),
        ("-|2.5|#DIV/0!|4", [np.nan, 2.5, np.nan, 4], "missing"),
        ("+|-|+", None, ""),
        ("5%|0.05|0.1", None, ""),
        ("2020-01-05|2020-02-05|2021-01-01", None, ""),
        ("01.02.2020|03.04.2021|05.06.2022", None, ""),
        ("12:30|01:15|23:59", None, ""),
        ("030 123|040 456|050 789", None, ""),
    ],
)
def test_a_column_of_numbers(written, meant, told):
    found = table("k,x\n" + "".join(f"a,{x}\n" for x in written.split("|")))
    if meant is None:
        assert not found.notes and not pd.api.types.is_numeric_dtype(found.frame["x"])
        return
    np.testing.assert_array_equal(found.frame["x"].to_numpy(np.float64), meant)
    assert (
        found.notes
        and all(note.startswith("x: ") for note in found.notes)
        and any(told in note for note in found.notes)
    )


def test_dots_part_thousands_where_another_column_has_decimal_commas():
    """pandas reads 1.200 beside 900 as 1.2: smaller."""
    found = table("price;size\n1.200;3,5\n900;0,25\n250.000;1,5\n")
    assert found.frame["price"].tolist() == [1200, 900, 250000]
    assert "price: dots part thousands" in found.notes


@pytest.mark.parametrize(
    "text",
    [
        "price;size\n1.200;3\n900;4\n",  # nothing tells
        "price;size\n1.200;3,5\n0.9;1,5\n",  # a dot that parts no thousands
        "price;size;rate\n1.200;3,5;0.5\n900;1,5;0.75\n",  # both in one table
    ],
)
def test_dots_are_decimal_where_nothing_or_both_are_told(text):
    assert table(text).frame["price"].iloc[0] == 1.2


def test_a_comma_of_either_meaning_is_as_the_rest_of_the_table_has_it():
    assert table('x\n"1,234"\n"5,678"\n').frame["x"].tolist() == [1234, 5678]
    assert table("x;y\n1,234;0.5\n5,678;2.5\n").frame["x"].tolist() == [1234, 5678]
    german = table("x;y\n1,234;0,5\n5,678;2,25\n")
    assert german.commas and german.frame["x"].tolist() == [
        "1,234",
        "5,678",
    ]  # decimal, as its columns are read


def test_a_few_others_among_them_are_missing_and_many_leave_it_text():
    few = table("x\n" + "5%\n" * 19 + "unknown\n")
    assert few.frame["x"].isna().sum() == 1 and "1 of 20 are no numbers, as 'unknown'" in few.notes[-1]
    many = table("x\n" + "5%\n" * 10 + "unknown\n" * 10)
    assert many.frame["x"].tolist() == ["5%"] * 10 + ["unknown"] * 10
    assert table("x\n5%\nunknown\n", least=0).frame["x"].tolist()[0] == 5


def test_training_and_prediction_read_the_same_numbers(capsys):
    n = 60
    x = np.random.RandomState(0).randint(1000, 900000, n)
    with open("d.csv", "w", encoding="utf-8") as file:
        file.write("x,share,price\n" + "".join(f'"{v:,}",{v / 9000:.1f}%,"${2 * v:,}"\n' for v in x))
    quick = ("--epochs", "60", "--cv", "0", "--patience", "0", "--dropout", "0")
    assert main(["train", "d.csv", "--target", "price", "--out", "m.safetensors", *quick]) == 0
    told = capsys.readouterr().out
    assert "regression: price" in told and "x: commas part thousands" in told and "share: percent" in told
    notations = {
        "us.csv": 'x,share\n"450,000",50%\n"800,000",88.9%\n',
        "eu.csv": "x;share\n450.000;50,0\n800.000;88,9\n",
        "plain.csv": "x,share\n450000,50.0\n800000,88.9\n",
    }
    answers = []
    for name, text in notations.items():
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
        assert main(["predict", "m.safetensors", name]) == 0
        answers.append([float(line) for line in capsys.readouterr().out.split()[1:]])
    assert answers[0] == answers[1] == answers[2]
    np.testing.assert_allclose(answers[0], [900000, 1600000], rtol=0.15)
    assert main(["predict", "m.safetensors", "d.csv"]) == 0
    assert "mean absolute error over 60 rows" in capsys.readouterr().err


def test_utf_16_is_read_and_a_name_says_nothing_of_what_is_packed():
    with open("u.csv", "w", encoding="utf-16") as file:
        file.write("x\ty\nä\t1\nö\t2\n")
    found = read("u.csv")
    assert found.frame["x"].tolist() == ["ä", "ö"] and "the file is in UTF-16" in found.notes
    with open("plain.csv.gz", "w", encoding="utf-8") as file:
        file.write("x,y\n1,2\n")
    assert read("plain.csv.gz").frame["y"].tolist() == [2]
