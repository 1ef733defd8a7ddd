"""The data sets: what they hold, where files are looked for, and what is done about damaged ones."""

import gzip
import hashlib
import io
import os
import tarfile
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from fastmlp import datasets
from fastmlp.datasets import _contents, _files, _sources, images
from fastmlp.datasets._sources import CIFAR10, FASHION_MNIST, IDX_FILES, MNIST, SOURCES

LOADERS = {"mnist": datasets.load_mnist, "fashion_mnist": datasets.load_fashion_mnist}


def idx(array):
    sizes = np.array(array.shape, ">i4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes(), mtime=0)


def write_all(contents, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)


@pytest.fixture
def small_sets(monkeypatch, tmp_path):
    """Small MNIST and Fashion-MNIST whose checksums take the place of the pinned ones, no mirror."""
    rng = np.random.default_rng(0)
    sets = {}
    for source, attribute in ((MNIST, "MNIST"), (FASHION_MNIST, "FASHION_MNIST")):
        arrays = [rng.integers(0, 256, shape, np.uint8) for shape in ((6, 28, 28), (6,), (3, 28, 28), (3,))]
        files = dict(zip(IDX_FILES, map(idx, arrays), strict=True))
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        fake = source._replace(files=digests, mirrors=("http://127.0.0.1:9/",))
        monkeypatch.setattr(images, attribute, fake)
        sets[source.folder] = (arrays, files, fake)
    monkeypatch.setattr(_files, "SOURCES", [fake for _, _, fake in sets.values()])
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    monkeypatch.setenv("FASTMLP_CACHE", str(tmp_path / "cache"))
    return sets


@pytest.fixture
def mirror():
    """A web server on this machine that knows ranges; `files` is what it has, `seen` what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name, asked = self.path.lstrip("/"), self.headers.get("Range")
            seen.append((name, asked))
            if name not in files:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            data = files[name]
            if asked and start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            stop = cut.pop(name, len(data))
            self.wfile.write(data[start:stop])

        def log_message(self, *_):
            pass

    files, seen, cut = {}, [], {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.files, server.seen, server.cut = files, seen, cut
    server.url = f"http://127.0.0.1:{server.server_address[1]}/"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "expected"), [("and", [-1, -1, -1, 1]), ("OR", [-1, 1, 1, 1]), ("xor", [-1, 1, 1, -1])]
)
def test_logic_gate(name, expected):
    X, y = datasets.load_logic_gate(name)
    assert X.tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert y.tolist() == expected
    assert X.dtype == y.dtype == np.float64


def test_logic_gate_names():
    with pytest.raises(ValueError, match=r"name must be one of and, or, xor; got 'nand'"):
        datasets.load_logic_gate("nand")


@pytest.mark.parametrize("n_bits", [1, 2, 3, 6])
def test_parity_counts_minus_ones(n_bits):
    X, y = datasets.load_parity(n_bits)
    assert X.shape == (2**n_bits, n_bits)
    assert len(np.unique(X, axis=0)) == 2**n_bits
    assert set(X.flat) == {-1.0, 1.0}
    assert np.array_equal(y == 1, (X == -1).sum(axis=1) % 2 == 0)


@pytest.mark.parametrize(("n_bits", "error"), [(0, ValueError), (21, ValueError), (2.5, TypeError)])
def test_parity_refuses(n_bits, error):
    with pytest.raises(error, match="n_bits"):
        datasets.load_parity(n_bits)


def test_glyphs_can_be_told_apart():
    X, y = datasets.load_glyphs()
    assert (X.shape, X.dtype, y.tolist()) == ((10, 7, 5), np.uint8, list(range(10)))
    assert set(np.unique(X)) == {0, 1}
    pixels = X.reshape(10, 35).astype(int)
    apart = np.abs(pixels[:, None] - pixels).sum(-1)[~np.eye(10, dtype=bool)]
    assert apart.min() >= 4


def test_digits_are_all_there_in_order():
    from sklearn.datasets import load_digits

    (X_train, y_train), (X_test, y_test) = datasets.load_digits()
    original = load_digits()
    assert X_train.shape == (1437, 64) and X_test.shape == (360, 64)
    assert {a.dtype for a in (X_train, y_train, X_test, y_test)} == {np.dtype(np.uint8)}
    assert np.array_equal(np.concatenate([X_train, X_test]), original.data)
    assert np.array_equal(np.concatenate([y_train, y_test]), original.target)


def test_bunches(small_sets, tmp_path):
    gate = datasets.load_logic_gate("or", as_bunch=True)
    assert gate.data.shape == (4, 2) and gate.target.shape == (4,) and gate.feature_names == ["x1", "x2"]
    glyphs = datasets.load_glyphs(as_bunch=True)
    assert np.array_equal(glyphs.data.reshape(10, 7, 5), glyphs.images)
    digits = datasets.load_digits(as_bunch=True)
    assert digits.X_test.shape == (360, 64) and digits.image_shape == (8, 8)
    arrays, files, _ = small_sets["mnist"]
    write_all(files, tmp_path)
    mnist = datasets.load_mnist(tmp_path, as_bunch=True)
    assert mnist.image_shape == (28, 28) and np.array_equal(mnist.y_test, arrays[3])


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("subfolder", [True, False])
@pytest.mark.parametrize("by", ["argument", "environment"])
def test_local_files(small_sets, tmp_path, monkeypatch, name, subfolder, by):
    (X, y, X_test, y_test), files, _ = small_sets[name]
    write_all(files, tmp_path / name if subfolder else tmp_path)
    if by == "environment":
        monkeypatch.setenv("FASTMLP_DATA", str(tmp_path))
    train, test = LOADERS[name](tmp_path if by == "argument" else None)
    assert np.array_equal(train[0], X.reshape(6, 784)) and np.array_equal(train[1], y)
    assert np.array_equal(test[0], X_test.reshape(3, 784)) and np.array_equal(test[1], y_test)
    assert train[0].dtype == test[1].dtype == np.uint8
    train[0][:] = 0  # the arrays are the caller's own


def test_fashion_does_not_take_mnist_for_itself(small_sets, tmp_path, monkeypatch):
    write_all(small_sets["mnist"][1], tmp_path)
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="Fashion-MNIST: train-images"):
        datasets.load_fashion_mnist()


@pytest.mark.parametrize("damage", ["truncated", "altered"])
def test_damaged_local_file_is_refused_and_kept(small_sets, tmp_path, damage):
    write_all(small_sets["mnist"][1], tmp_path)
    path = tmp_path / IDX_FILES[2]
    data = path.read_bytes()
    path.write_bytes(data[:-9] if damage == "truncated" else data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"t10k-images.*truncated or altered; replace it"):
        datasets.load_mnist(tmp_path)
    assert path.is_file()


def test_folder_without_the_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"MNIST: no train-images-idx3-ubyte.gz in"):
        datasets.load_mnist(tmp_path)


@pytest.mark.parametrize("download", [True, False])
def test_offline_error_says_how_to_provide_the_files(small_sets, tmp_path, download):
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load_mnist(download=download)
    message = str(caught.value)
    for part in (*IDX_FILES, "FASTMLP_DATA", "folder=", str(tmp_path / "cache" / "mnist")):
        assert part in message
    assert ("download=False" in message) is not download


def use_mirrors(monkeypatch, small_sets, *urls):
    monkeypatch.setattr(images, "MNIST", small_sets["mnist"][2]._replace(mirrors=urls))


def test_download_once_then_cached(small_sets, mirror, monkeypatch, tmp_path):
    mirror.files |= small_sets["mnist"][1]
    use_mirrors(monkeypatch, small_sets, mirror.url)
    first = datasets.load_mnist()
    assert len(mirror.seen) == 4
    second = datasets.load_mnist(download=False)
    assert len(mirror.seen) == 4
    assert np.array_equal(first[0][0], second[0][0])
    assert sorted(os.listdir(tmp_path / "cache" / "mnist")) == sorted(IDX_FILES)


def test_second_mirror_serves_when_the_first_does_not(small_sets, mirror, monkeypatch):
    mirror.files |= small_sets["mnist"][1]
    use_mirrors(monkeypatch, small_sets, "http://127.0.0.1:9/", mirror.url)
    assert datasets.load_mnist()[0][0].shape == (6, 784)


def test_damaged_cached_file_is_fetched_again(small_sets, mirror, monkeypatch, tmp_path):
    files = small_sets["mnist"][1]
    cached = tmp_path / "cache" / "mnist"
    write_all(files, cached)
    (cached / IDX_FILES[0]).write_bytes(b"cut")
    with pytest.raises(FileNotFoundError, match="is truncated or altered"):
        datasets.load_mnist(download=False)
    mirror.files |= files
    use_mirrors(monkeypatch, small_sets, mirror.url)
    datasets.load_mnist()
    assert [name for name, _ in mirror.seen] == [IDX_FILES[0]]
    assert (cached / IDX_FILES[0]).read_bytes() == files[IDX_FILES[0]]


def test_altered_download_is_refused(small_sets, mirror, monkeypatch, tmp_path):
    mirror.files |= small_sets["mnist"][1] | {IDX_FILES[0]: b"something else"}
    use_mirrors(monkeypatch, small_sets, mirror.url)
    with pytest.raises(FileNotFoundError, match="does not match the known hash"):
        datasets.load_mnist()
    assert not list((tmp_path / "cache" / "mnist").iterdir())


def test_broken_download_goes_on_where_it_stopped(small_sets, mirror, monkeypatch):
    files = small_sets["mnist"][1]
    mirror.files |= files
    mirror.cut[IDX_FILES[0]] = 100
    use_mirrors(monkeypatch, small_sets, mirror.url)
    with pytest.raises(FileNotFoundError, match=f"only 100 of {len(files[IDX_FILES[0]])} bytes"):
        datasets.load_mnist()
    datasets.load_mnist()
    assert mirror.seen[:2] == [(IDX_FILES[0], None), (IDX_FILES[0], "bytes=100-")]


def test_part_of_unknown_length_is_begun_again(small_sets, mirror, monkeypatch, tmp_path):
    files = small_sets["mnist"][1]
    mirror.files |= files
    use_mirrors(monkeypatch, small_sets, mirror.url)
    write_all({IDX_FILES[0] + ".part": files[IDX_FILES[0]] + b"more"}, tmp_path / "cache" / "mnist")
    assert datasets.load_mnist()[0][0].shape == (6, 784)


def cifar_batch(n, seed):
    records = np.random.default_rng(seed).integers(0, 256, (n, 3073), np.uint8)
    records[:, 0] %= 10
    return records


def pin(monkeypatch, batches, **changes):
    """Let the checksums of these batches take the place of CIFAR-10's."""
    contents = {name: hashlib.sha256(records.tobytes()).hexdigest() for name, records in batches.items()}
    monkeypatch.setattr(images, "CIFAR10", CIFAR10._replace(contents=contents, **changes))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_cifar10_takes_the_batches_that_are_there(tmp_path, monkeypatch, suffix):
    batches = {"data_batch_1.bin": cifar_batch(4, 1), "data_batch_3.bin": cifar_batch(2, 3)}
    test = cifar_batch(3, 9)
    pack = gzip.compress if suffix else bytes
    for name, records in (batches | {"test_batch.bin": test}).items():
        (tmp_path / (name + suffix)).write_bytes(pack(records.tobytes()))
    pin(monkeypatch, batches | {"test_batch.bin": test})
    (X, y), (X_test, y_test) = datasets.load_cifar10(tmp_path)
    everything = np.concatenate(list(batches.values()))
    assert np.array_equal(X, everything[:, 1:]) and np.array_equal(y, everything[:, 0])
    assert np.array_equal(X_test, test[:, 1:]) and np.array_equal(y_test, test[:, 0])


def test_cifar10_refuses_batches_that_are_not_the_originals(tmp_path):
    """The right size and labels are not enough."""
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (tmp_path / name).write_bytes(cifar_batch(10000, 1).tobytes())
    with pytest.raises(
        ValueError, match=r"data_batch_1.bin .*30730000 bytes whose SHA-256 is \w+, expected ce"
    ):
        datasets.load_cifar10(tmp_path)


def write_archive(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def test_cifar10_archive(tmp_path, monkeypatch):
    names = [*images.CIFAR10_TRAIN, images.CIFAR10_TEST]
    batches = {name: cifar_batch(2, seed) for seed, name in enumerate(names)}
    path = tmp_path / "cifar-10-binary.tar.gz"
    write_archive(path, {name: records.tobytes() for name, records in batches.items()})
    with pytest.raises(ValueError, match="truncated or altered"):
        datasets.load_cifar10(tmp_path)
    pin(monkeypatch, batches, files={path.name: _files.sha256(path)})
    (X, _), (_, y_test) = datasets.load_cifar10(tmp_path)
    assert X.shape == (10, 3072)
    assert np.array_equal(y_test, batches["test_batch.bin"][:, 0])


@pytest.mark.parametrize("damage", ["size", "label", "gzip", "large"])
def test_cifar10_refuses_damaged_batches(tmp_path, monkeypatch, damage):
    records = cifar_batch(3, 0)
    pin(monkeypatch, {"data_batch_1.bin": records, "test_batch.bin": records})
    (tmp_path / "test_batch.bin").write_bytes(records.tobytes())
    if damage == "label":
        records[1, 0] = 10
    data = records.tobytes()
    path = tmp_path / ("data_batch_1.bin.gz" if damage in ("gzip", "large") else "data_batch_1.bin")
    path.write_bytes(
        {
            "size": data[:-1],
            "label": data,
            "gzip": gzip.compress(data)[:-20],
            "large": gzip.compress(bytes(30730001)),
        }[damage]
    )
    with pytest.raises(ValueError, match=r"data_batch_1.*(truncated|altered).*replace it"):
        datasets.load_cifar10(tmp_path)


def bomb(path, n=1 << 30):
    """A small file that unpacks to a gigabyte."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(n >> 24):
            file.write(bytes(1 << 24))


def test_no_more_is_unpacked_than_a_data_set_can_hold(tmp_path):
    """Memory stays near the limit, whatever a file unpacks to."""
    bomb(tmp_path / "bomb.gz")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"bomb.gz is truncated or altered: it holds more than 30730000"):
            _contents.read(tmp_path / "bomb.gz", 30730000)
        with pytest.raises(ValueError, match="more than"):
            _contents.read_idx(tmp_path / "bomb.gz", 10000)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"wanted.bin": bytes(20001)}, "holds no wanted.bin of at most 20000 bytes"),
        ({"other.bin": bytes(1 << 20), "wanted.bin": bytes(9)}, "unpacks to more than the data set holds"),
    ],
)
def test_no_more_of_an_archive_is_unpacked_than_a_data_set_can_hold(tmp_path, members, why):
    write_archive(tmp_path / "bomb.tar.gz", members)
    with pytest.raises(ValueError, match=rf"bomb.tar.gz is truncated or altered: it {why}"):
        _contents.read_members(tmp_path / "bomb.tar.gz", ["wanted.bin"], 20000)


def test_archives_that_are_cut_or_hold_no_files(tmp_path):
    path = tmp_path / "archive.tar.gz"
    write_archive(path, {"wanted.bin": np.random.default_rng(0).bytes(100000)})
    assert len(_contents.read_members(path, ["wanted.bin"], 100000)["wanted.bin"]) == 100000
    path.write_bytes(path.read_bytes()[:50000])
    with pytest.raises(ValueError, match=r"archive.tar.gz is truncated or altered: .*; replace it"):
        _contents.read_members(path, ["wanted.bin"], 100000)
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("wanted.bin")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(ValueError, match=r"it holds no wanted.bin"):
        _contents.read_members(path, ["wanted.bin"], 100000)


GOOD = bytes((0, 0, 8, 3)) + np.array([2, 3, 4], ">i4").tobytes() + bytes(range(24))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (GOOD[:-1], "it holds 23 bytes of data, expected 24"),
        (GOOD + b"x", "it holds more than 40 bytes"),
        (b"", "it begins with , expected 00 00 08 03"),
        (GOOD[:10], "it ends before its sizes do"),
        (b"\x00\x00\x0d\x03" + GOOD[4:], "it begins with 00 00 0d 03, expected 00 00 08 03"),
        (b"\x00\x00\x08\x01" + GOOD[4:], "it begins with 00 00 08 01, expected 00 00 08 03"),
        (GOOD[:7] + b"\x03" + GOOD[8:], r"its shape is \(3, 3, 4\), expected \(2, 3, 4\)"),
        (GOOD[:4] + b"\xff" + GOOD[5:], r"its shape is \(4278190082, 3, 4\)"),
        (GOOD[:11] + b"\x04" + GOOD[12:15] + b"\x03" + GOOD[16:], r"its shape is \(2, 4, 3\)"),
        (GOOD[:4] + bytes(4) + GOOD[8:], r"its shape is \(0, 3, 4\)"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_that_are_not_what_they_should_be(tmp_path, data, why, suffix):
    path = tmp_path / f"images{suffix}"
    path.write_bytes(gzip.compress(GOOD) if suffix else GOOD)
    assert _contents.read_idx(path, 2, 3, 4).ravel().tolist() == list(range(24))
    path.write_bytes(gzip.compress(data) if suffix else data)
    with pytest.raises(ValueError, match=rf"images{suffix} is truncated or altered: {why}.*; replace it"):
        _contents.read_idx(path, 2, 3, 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are POSIX's")
def test_a_pipe_is_no_data_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="it is no regular file"):
        _contents.read(tmp_path / "pipe", 10)


def test_every_source_pins_its_files():
    for source in SOURCES:
        assert source.mirrors or source is _sources.CALTECH_PAIR
        assert all(url.endswith("/") for url in source.mirrors)
        digests = (*source.files.values(), *source.contents.values())
        assert all(len(digest) == 64 and int(digest, 16) for digest in digests)


@pytest.mark.skipif(
    not os.environ.get("FASTMLP_DATA"), reason="FASTMLP_DATA names no folder with the real files"
)
def test_real_mnist():
    (X_train, y_train), (X_test, y_test) = datasets.load_mnist()
    assert X_train.shape == (60000, 784) and X_test.shape == (10000, 784)
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert 0.80 < (X_train == 0).mean() < 0.82
    assert np.bincount(y_test).min() > 890


def test_an_argument_of_another_name_is_answered():
    with pytest.raises(TypeError, match="load_logic_gate takes no argument 'gate': did you mean 'name'"):
        datasets.load_logic_gate(gate="and")


def test_one_class_against_the_rest():
    y = np.array([3, 1, 4, 3])
    assert datasets.one_against_rest(y, 3).tolist() == [1, 0, 0, 1]
    assert datasets.one_against_rest(["a", "b"], "b").tolist() == [0, 1]
    with pytest.raises(ValueError, match="label must be one of 1, 3, 4"):
        datasets.one_against_rest(y, 2)
    assert datasets.one_against_rest(y[:, None], 3).tolist() == [1, 0, 0, 1]
    with pytest.raises(
        ValueError, match=r"y must have shape \(n,\), a class for each sample; got .*\(4, 5\).*argmax"
    ):
        datasets.one_against_rest(np.eye(5)[y], 1)


@pytest.fixture
def caltech(tmp_path, monkeypatch):
    """A small file of that name, which the loader takes for the original."""
    images, y = np.arange(3 * 32 * 32).reshape(3, 32, 32).astype(np.uint8), np.array([0, 1, 1], np.uint8)
    path = tmp_path / _sources.CALTECH_FILE
    np.savez(path, x=images, y=y)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(_sources.CALTECH_PAIR.files, _sources.CALTECH_FILE, digest)
    return path, images, y


def test_caltech_pair(caltech, tmp_path, monkeypatch):
    _, images, y = caltech
    X, labels = datasets.load_caltech_pair(tmp_path)
    assert np.array_equal(X, images.reshape(3, -1)) and np.array_equal(labels, y)
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path))
    pair = datasets.load_caltech_pair(as_bunch=True)
    assert pair.images.shape == (3, 32, 32) and pair.target_names == ["airplane", "motorbike"]


def test_caltech_pair_that_is_not_there_or_altered(caltech, tmp_path, monkeypatch):
    path = caltech[0]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="truncated or altered; replace it by the original"):
        datasets.load_caltech_pair(tmp_path)
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    monkeypatch.setenv("FASTMLP_CACHE", str(tmp_path / "cache"))
    with pytest.raises(FileNotFoundError, match=r"was not found. To provide it, put airplanes_motorbikes"):
        datasets.load_caltech_pair()
