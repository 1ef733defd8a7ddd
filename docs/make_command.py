"""Write the session of `fastmlp train` in command.md: on passengers that are drawn, with what is printed."""

import contextlib
import io
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from fastmlp.cli import main

PAGE = Path(__file__).parent / "command.md"
ARGV = "train passengers.csv --target Survived --drop PassengerId --out passengers.safetensors"
BEGIN = f"    $ fastmlp {ARGV}\n"


def passengers(n=891):
    """Return a table of passengers, drawn at random: women and children were saved more often."""
    random = np.random.RandomState(1912)
    sex = random.choice(["female", "male"], n, p=[0.35, 0.65])
    age = random.gamma(6, 5, n).round(1)
    saved = random.rand(n) < np.where(sex == "female", 0.74, np.where(age < 14, 0.6, 0.17))
    frame = pd.DataFrame(
        {"PassengerId": np.arange(1, n + 1), "Survived": saved.astype(int), "Sex": sex, "Age": age}
    )
    frame["Fare"] = random.gamma(1.5, 20, n).round(2)
    frame["SibSp"], frame["Parch"] = random.poisson(0.5, n), random.poisson(0.4, n)
    frame["Embarked"] = random.choice(["S", "C", "Q"], n, p=[0.72, 0.19, 0.09])
    frame["Name"] = [f"Passenger {k}" for k in random.permutation(n)]
    frame.loc[random.rand(n) < 0.2, "Age"] = np.nan
    frame.loc[random.rand(n) < 0.004, "Embarked"] = None
    return frame


def session():
    """Return the lines of the page, from what is typed to what is printed last."""
    before, printed = Path.cwd(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        os.chdir(folder)
        try:
            passengers().to_csv("passengers.csv", index=False)
            status = main(ARGV.split())
        finally:
            os.chdir(before)
    assert status == 0, printed.getvalue()
    return BEGIN + "".join(f"    {line}".rstrip() + "\n" for line in printed.getvalue().rstrip().split("\n"))


def parts(page):
    """Return a page up to the session, the session, and what follows."""
    before, _, rest = page.partition(BEGIN)
    lines = rest.splitlines(keepends=True)
    n = next(k for k, line in enumerate(lines) if line.strip() and not line.startswith("    "))
    n -= not lines[n - 1].strip()
    return before, BEGIN + "".join(lines[:n]), "".join(lines[n:])


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    before, _, after = parts(page)
    PAGE.write_text(before + session() + after, encoding="utf-8")
