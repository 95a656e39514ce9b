"""What a case is, and where the small valid files lie that all of them start from."""
import dataclasses
import functools
import pathlib
import subprocess
import tempfile
from typing import Callable, Optional

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDENS = ROOT / "tests/data/goldens"
NANO = ROOT / "models/nano"
IMAGES = ROOT / "tests/data/images"


@dataclasses.dataclass
class Case:
    name: str
    files: dict  # name → bytes, a Path to link to, or a function that makes it
    command: list  # words behind `hearth`, run beside the files
    good: Optional[bool]  # exit 0 expected, 2 expected, or (None) whichever: only no crash
    names: str = ""  # what a refusal must name
    says: str = ""  # a pattern in a refusal
    same: Optional[Callable] = None  # gives what the file `out` must hold
    out: str = "out.npy"
    plain: bool = True  # a model's words may hold any byte; everything else is plain text


def bad(name, files, command, names, says=""):
    return Case(name, files, command, False, names, says)


def good(name, files, command, same=None, **more):
    return Case(name, files, command, True, same=same, **more)


def run(model, *more):
    return ["run", model, "Hi", "--max-tokens", "2", *more]


def logits(model, *more):
    return ["debug", "logits", "--model", model, "--tokens", "1,39,90,84,67", "--out", "out.npy",
        *more]


@functools.cache
def plain_logits(hearth, model, *more):
    """The numbers of an untouched file, for comparison."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            [hearth, *logits(model, *more)], cwd=directory, check=True, capture_output=True)
        return (pathlib.Path(directory) / "out.npy").read_bytes()
