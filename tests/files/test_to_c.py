"""Headers in C: compiled by two compilers without a warning, they predict what the model does."""

import ctypes
import re
import shutil
import subprocess
import threading

import exported_models as models
import numpy as np
import pytest
from oracle.own import Cube

from fastmlp import Dense, LinearPerceptron, MLPClassifier, Network, Perceptron, TanhPerceptron, save

FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-O1"]
TOLERANCE = {"float32": 1e-6, "float64": 1e-13}
REAL = {"float32": ctypes.c_float, "float64": ctypes.c_double}
WRAPPER = {
    "values": "void {p}_y(const {r} *x, {r} *y) {{ {p}_predict(x, y); }}",
    "classes": "int {p}_y(const {r} *x) {{ return {p}_predict(x); }}",
    "labels": "void {p}_y(const {r} *x, int *y) {{ {p}_predict(x, y); }}",
    "proba": "void {p}_p(const {r} *x, {r} *p) {{ {p}_predict_proba(x, p); }}",
    "text": "const char *{p}_l(int k) {{ return {p}_label(k); }}",
    "number": "long long {p}_l(int k) {{ return {p}_label(k); }}",
    "sizes": "int {p}_n(void) {{ return {p}_n_features * 10000 + {p}_n_outputs; }}",
}


@pytest.fixture(params=["gcc", "clang"])
def compiler(request):
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param}")
    return request.param


def library(folder, compiler, headers, lines, flags=FLAGS):
    """Compile headers, and functions that call theirs, to a library that Python can call."""
    source = folder / "all.c"
    includes = [f'#include "{name}.h"\n' for name in headers]
    source.write_text("".join([*includes, *(f"{line}\n" for line in lines)]))
    done = subprocess.run(
        [compiler, *flags, "-shared", "-fPIC", source, "-o", folder / "all.so", "-lm"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[:3000]
    return ctypes.CDLL(str(folder / "all.so"))


def kind_of(model):
    if not hasattr(model, "classes_"):
        return "values"
    return "labels" if model.predict(models.X[:1]).ndim == 2 else "classes"


def compiled(folder, compiler, found, dtype):
    """Return {name: (model, prefix)} and the library of all of them."""
    lines, prefixes = [], {}
    for i, (name, model) in enumerate(found.items()):
        p = prefixes[name] = f"m{i}"
        model.to_c(folder / f"{p}.h", prefix=p)
        wanted = [kind_of(model), "sizes"]
        if hasattr(model, "classes_"):
            wanted += ["text" if isinstance(model.classes_.tolist()[0], str) else "number"]
            wanted += ["proba"] * hasattr(model, "predict_proba")
        r = "float" if dtype == "float32" else "double"
        lines += [WRAPPER[each].format(p=p, r=r) for each in wanted]
    return library(folder, compiler, prefixes.values(), lines), prefixes


def rows(function, x, n, dtype):
    """Call a function of C for each row; return what it writes."""
    out = np.zeros((len(x), n), dtype)
    for row, y in zip(np.ascontiguousarray(x), out, strict=True):
        function(row.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p))
    return out


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values(tmp_path, compiler, dtype):
    """All activations and slopes, layers that read several others, deep nets, single neurons."""
    found = models.networks(dtype) | models.regressors(dtype)
    c, prefixes = compiled(tmp_path, compiler, found, dtype)
    x = models.X.astype(dtype)
    for name, p in prefixes.items():
        expected = found[name].predict(x)
        assert expected.dtype == dtype
        expected = expected.reshape(len(x), -1)
        assert c[f"{p}_n"]() == 50000 + expected.shape[1]
        models.close(rows(c[f"{p}_y"], x, expected.shape[1], dtype), expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_classes(tmp_path, compiler, dtype):
    """Every way to read outputs, labels with every sign that code is made of."""
    found = models.classifiers(dtype)
    c, prefixes = compiled(tmp_path, compiler, found, dtype)
    x = models.X.astype(dtype)
    for name, p in prefixes.items():
        model, label = found[name], c[f"{p}_l"]
        text = isinstance(model.classes_.tolist()[0], str)
        label.restype = ctypes.c_char_p if text else ctypes.c_longlong
        labels = [label(k) for k in range(len(model.classes_))]
        assert (
            [each.decode() for each in labels] == list(model.classes_)
            if text
            else labels == [*map(int, model.classes_)]
        )
        expected, predict = model.predict(x), c[f"{p}_y"]
        if expected.ndim == 2:
            np.testing.assert_array_equal(rows(predict, x, expected.shape[1], np.intc), expected, name)
        else:
            which = [predict(row.ctypes.data_as(ctypes.c_void_p)) for row in x]
            np.testing.assert_array_equal(model.classes_[which], expected, name)
        if hasattr(model, "predict_proba"):
            expected = model.predict_proba(x)
            found_p = rows(c[f"{p}_p"], x, expected.shape[1], dtype)
            models.close(found_p, expected, TOLERANCE[dtype])
            far = 1e4 * x  # where all are next to 0, the strongest still counts
            models.close(rows(c[f"{p}_p"], far, expected.shape[1], dtype), model.predict_proba(far), 1e-5)


def test_names_are_text(tmp_path, compiler):
    """Whatever their signs, trigraphs and the like included."""
    model = models.with_sly_names("float64", "\"'\\/*?=(\n\r\t%{}<>#;ü☃\U0001f600a0 _")
    c, _ = compiled(tmp_path, compiler, {"m": model}, "float64")
    label = c["m0_l"]
    label.restype = ctypes.c_char_p
    assert [label(k).decode() for k in range(len(model.classes_))] == list(model.classes_)


def test_it_is_cpp_too_and_warns_of_no_conversion(tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    models.networks("float32")["gelu 1.0"].to_c(tmp_path / "a.h", prefix="a")
    models.classifiers("float64")["strings logistic"].to_c(tmp_path / "b.h", prefix="b")
    for compiler, options in ("gcc", ["-std=c99"]), ("g++", ["-x", "c++", "-std=c++11"]):
        flags = [*options, "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wdouble-promotion"]
        library(tmp_path, compiler, "ab", [], flags)


def test_only_math_and_constants(tmp_path):
    """No other header, no memory but the stack's, nothing that is kept between calls."""
    models.classifiers("float64")["strings"].to_c(tmp_path / "m.h")
    text = (tmp_path / "m.h").read_text()
    assert re.findall(r"#include (.*)", text) == ["<math.h>"]
    assert not re.search(r"alloc|\bdouble \*\w+ =|\bauto\b|goto", text)
    assert {line.split()[1] for line in re.findall(r".*\bstatic\b.*", text)} == {"const", "inline"}
    assert text.isascii()


def test_threads_share_it(tmp_path):
    model = models.networks("float64")["softmax 1.0"]
    c, _ = compiled(tmp_path, "gcc", {"m": model}, "float64")
    x, found = np.tile(models.X, (20, 1)), [None] * 8

    def run(i):
        found[i] = rows(c["m0_y"], x, 2, "float64")

    threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found:
        np.testing.assert_array_equal(each, found[0])


def test_numbers_are_kept_exactly(tmp_path):
    """Denormals, the largest and the smallest numbers, in both precisions."""
    for dtype in ("float32", "float64"):
        info = np.finfo(dtype)
        values = [
            info.smallest_subnormal,
            -info.smallest_normal,
            info.max,
            info.min,
            0.1,
            -0.0,
            1 / 3,
            16777217,
        ]
        model = Network([Dense(1, use_bias=False)], dtype=dtype, random_state=0).build(len(values))
        model.set_weights([np.array(values, dtype)[:, None]])
        line = f"const {'float' if dtype == 'float32' else 'double'} *w(void) {{ return model_W0; }}"
        for name in ("gcc", "clang"):
            if shutil.which(name):
                folder = tmp_path / f"{name} {dtype}"  # a library is loaded once by its name
                folder.mkdir()
                model.to_c(folder / "m.h")
                c = library(folder, name, ["m"], [line], [*FLAGS, "-Wno-unused"])
                c.w.restype = ctypes.POINTER(REAL[dtype])
                np.testing.assert_array_equal(
                    np.ctypeslib.as_array(c.w(), (len(values),)).view(f"i{info.bits // 8}"),
                    np.array(values, dtype).view(f"i{info.bits // 8}"),
                )


@pytest.mark.parametrize("name", ["Größe", "End */ int x; /*", "\n#error"])
@pytest.mark.parametrize("kind", [MLPClassifier, Perceptron])
def test_names_of_classes_of_a_users_own_are_no_code(tmp_path, kind, name):
    model = models.fitted(type(name, (kind,), {})(max_iter=2), models.X[:, 0] > 0, "float64")
    model.to_c(tmp_path / "m.h")
    assert (tmp_path / "m.h").read_text().startswith(f"/* A model of fastmlp in C99: {kind.__name__}, in")


def test_what_else_a_user_has_put_into_a_model_is_not_exported(tmp_path):
    for kind in (MLPClassifier, Perceptron, LinearPerceptron, TanhPerceptron):
        model = models.fitted(kind(max_iter=2), models.X[:, 0] > 0, "float64")
        model.note, model.more_ = object(), print
        assert np.allclose(model.to_numpy()(models.X), model.predict(models.X))
        for suffix in (".h", ".py", ".npz"):
            save(model, tmp_path / f"m{suffix}")


@pytest.mark.parametrize("prefix", ["", "1a", "a-b", "a b", "ä", "a;", "x" * 64, None, 3, "a\n"])
def test_prefixes_that_are_no_names(tmp_path, prefix):
    with pytest.raises(ValueError, match="prefix must be a letter and up to 62 letters"):
        models.networks("float64")["one"].to_c(tmp_path / "m.h", prefix=prefix)
    assert not (tmp_path / "m.h").exists()


def test_what_c_cannot_say(tmp_path):
    class EndsComments(Cube):
        name = "cube */"

    path = tmp_path / "m.h"
    with pytest.raises(
        ValueError, match=r"to_c takes built-in activations only; got 'cube \*/', your own: write"
    ):
        Network([Dense(1, EndsComments())], random_state=0).build(2).to_c(path)
    with pytest.raises(ValueError, match="needs a network with weights"):
        Network([Dense(1)]).to_c(path)
    y = np.where(models.X[:, 0] > 0, np.uint64(2**63 + 9), np.uint64(1))
    with pytest.raises(ValueError, match=r"to_c takes classes that are .*; got 92\d*17:"):
        models.fitted(MLPClassifier((2,), max_iter=2), y, "float64").to_c(path)
    y = np.where(models.X[:, 0] > 0, "a" * 5000, "b")
    with pytest.raises(ValueError, match=r"names of classes of up to 4095 bytes, .*; got one of 5000"):
        models.fitted(MLPClassifier((2,), max_iter=2), y, "float64").to_c(path)
    for label, match in (("a\0b", r"none of them 0; got one of 3, 'a\\x00b'"), ("\ud800", "in Unicode; got")):
        y = np.where(models.X[:, 0] > 0, label, "b").astype(object)
        with pytest.raises(ValueError, match=f"to_c takes names of classes .*{match}"):
            models.fitted(MLPClassifier((2,), max_iter=2), y, "float64").to_c(path)
    assert not path.exists()
