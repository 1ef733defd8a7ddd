"""``fastmlp train``: a CSV file to a model, its score, and a report; whatever is decided is told."""

from . import files
from .columns import Columns
from .command import pictures, printable
from .learning import Recipe, cross_validated
from .progress import progress
from .table import check_column, read
from .target import n_folds, take_target
from .training_report import Told, write


def run(options):
    """Train on a table."""
    if options.out.suffix != ".safetensors":
        raise ValueError(f"--out must end in .safetensors; got {options.out}")
    out = files.new_file(options.out, options.data)
    page = files.new_file(options.report or out.with_suffix(".html"), out, options.data)
    pictures()
    table = read(options.data, separator=options.separator, encoding=options.encoding)
    for name in (options.target, *options.drop):
        check_column(name, table.frame, "--target" if name == options.target else "--drop")
    if options.target in options.drop:
        raise ValueError(f"--drop {options.target!r} is the target")
    notes, left_out = list(table.notes), dict.fromkeys(options.drop, "--drop")
    table, target = take_target(table, options.target, options.task, notes)
    table = table._replace(frame=table.frame.drop(columns=options.drop))
    recipe = Recipe(target.classifies, **{name: getattr(options, name) for name in Recipe.options()})
    if recipe.balanced and not target.classifies:
        raise ValueError(f"--balanced is for classes; {target.told}")
    folds = n_folds(options.cv, target, notes)
    columns = Columns.learn(table, notes, left_out)
    notes += [f"{name}: left out: {why}" for name, why in left_out.items()]
    told = Told(options, target, columns, recipe, notes)
    print(told.before())

    trained, scores = _train(recipe, table, target, options.target, folds)
    print(told.after(trained, scores))
    trained.about = told.data(trained, scores)
    write(page, told, trained, scores)
    trained.save(out)
    print(f"\nwritten: {printable(out)}, {printable(page)}")


def _train(recipe, table, target, name, folds):
    """Return the Trained model, and its Scores or None, behind a bar that counts epochs."""
    with progress((folds + 1) * recipe.epochs, " epochs", "training") as bar:
        done = 0

        def on_epoch():
            nonlocal done
            done += 1
            bar.update()

        def on_fit():  # a fit that stopped early has its share of the bar
            nonlocal done
            rest = -done % recipe.epochs
            done += rest
            bar.update(rest)

        trained = recipe.train(table, target.y, name, on_epoch)
        on_fit()
        if not folds:
            return trained, None
        return trained, cross_validated(recipe, table, target.y, name, folds, on_epoch, on_fit)
