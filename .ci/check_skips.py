"""Fail where a test that needs an optional package was skipped although CI installs that package."""

import sys
from xml.etree import ElementTree

INSTALLED = (
    "torch",
    "numba",
    "matplotlib",
    "dill",
    "pooch",
    "tqdm",
    "hypothesis",
    "onnx",
    "onnxruntime",
    "h5py",
    "skl2onnx",
)


def reason(skip):
    """Return why a test was skipped; of a module that is skipped as a whole, the text ends with it."""
    message = skip.get("message") or ""
    return (skip.text or "").rpartition("Skipped: ")[2] if message == "collection skipped" else message


cases = list(ElementTree.parse(sys.argv[1]).iter("testcase"))
skipped = [(case, reason(skip)) for case in cases for skip in case.iter("skipped")]
wrong = [
    f"{case.get('classname')}::{case.get('name')}: {message}"
    for case, message in skipped
    if any(package in message.lower() for package in INSTALLED)
]
print(f"{len(cases)} tests, {len(skipped)} skipped")
if not cases or wrong:
    sys.exit("\n".join(["these must not be skipped here:", *wrong]) if wrong else "no test ran")
