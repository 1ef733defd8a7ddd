"""Where the original files of the larger data sets come from, and what they must hold."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Source(NamedTuple):
    """The files of one data set: their SHA-256 by name, and the addresses they hang under.

    `contents` are SHA-256, by name, of files in an archive that may also lie unpacked in a user's own folder.
    """

    title: str
    folder: str
    files: dict
    mirrors: tuple
    contents: Mapping = MappingProxyType({})


IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def _idx(*sums):
    return dict(zip(IDX_FILES, sums, strict=True))


MNIST = Source(
    "MNIST",
    "mnist",
    _idx(
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)

FASHION_MNIST = Source(
    "Fashion-MNIST",
    "fashion_mnist",
    _idx(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
)

CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR10 = Source(
    "CIFAR-10",
    "cifar10",
    {CIFAR10_ARCHIVE: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    ("https://www.cs.toronto.edu/~kriz/",),
    {
        "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    },
)

CALTECH_FILE = "airplanes_motorbikes_gray32.npz"
CALTECH_PAIR = Source(
    "Caltech-101's aeroplanes and motorbikes",
    "caltech",
    {CALTECH_FILE: "553dfc222586b9460fa16987bc79162a52d009b6c19df281914bfb51fefc37f2"},
    (),
)

SOURCES = (MNIST, FASHION_MNIST, CIFAR10, CALTECH_PAIR)
