#!/usr/bin/env python3
"""hostile_test.py HEARTH [--only WORD] [--list]: files from strangers, hostile and odd but legal.

Every case is a handful of files and one command. A hostile one must end with exit code 2 and one
line on stderr that names the file; an odd but legal one with exit code 0 and, where it asks, the
very numbers of the plain file. Everything runs with 4 GiB of address space and 20 seconds.
Prints each failure, then "N cases, M failed". Needs nothing but the standard library.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from hostile import directories, models, pictures, templates, tokenizers, vision

ADDRESS_SPACE = 4 << 20  # kB
SECONDS = 20
LONGEST_LINE = 2000  # of an error message: a name from the file must not fill the screen
LEAKS = re.compile(
    r"bad_alloc|std::|terminate called|what\(\)|Sanitizer|CHECK|basic_string|json\.exception")


def place(files, directory):
    """Content is bytes, a Path to link to, or a function that makes something at a path."""
    for name, content in files.items():
        path = os.path.join(os.fsencode(directory), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, bytes):
            with open(path, "wb") as out:
                out.write(content)
        elif isinstance(content, pathlib.Path):
            os.symlink(content, path)
        else:
            content(path)


def run(hearth, case, directory):
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("HEARTH_") or k == "HEARTH_ISA"}
    limited = ["sh", "-c", f'ulimit -c 0; ulimit -v {ADDRESS_SPACE}; exec "$@"', "sh", hearth]
    return subprocess.run([*limited, *case.command], cwd=directory, env=environment,
        timeout=SECONDS, stdin=subprocess.DEVNULL, capture_output=True)


def refused(case, done, error, directory):
    """What is wrong with the way a hostile file was refused, or None."""
    if done.returncode != 2:
        return f"exit {done.returncode}, expected 2"
    if done.stdout:
        return "something on stdout"
    if error.count("\n") != 1 or not error.endswith("\n"):
        return f"{error.count(chr(10))} lines on stderr, expected 1"
    if len(error) > LONGEST_LINE:
        return f"a line of {len(error)} characters"
    if len(os.listdir(directory)) != len({name.split("/")[0] for name in case.files}):
        return "a file was left behind"
    if case.names not in error:
        return f"the line does not name {case.names!r}"
    if case.says and not re.search(case.says, error):
        return f"the line does not match /{case.says}/"
    return None


def judge(case, done, directory):
    error = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    if LEAKS.search(error):
        return "the insides show"
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]",
        error + (done.stdout.decode("utf-8", "replace") if case.plain else "")):
        return "control characters in the output"
    if case.good is None:
        return None if done.returncode == 0 else refused(case, done, error, directory)
    if not case.good:
        return refused(case, done, error, directory)
    if done.returncode != 0:
        return f"exit {done.returncode}, expected 0"
    if case.same and (pathlib.Path(directory) / case.out).read_bytes() != case.same():
        return f"{case.out} differs from the plain file's"
    return None


def attempt(hearth, case):
    directory = tempfile.mkdtemp(prefix="hostile-")
    try:
        place(case.files, directory)
        try:
            done = run(hearth, case, directory)
        except subprocess.TimeoutExpired:
            return f"no answer within {SECONDS} s", ""
        return judge(case, done, directory), (done.stderr + done.stdout[:200]).decode(
            "utf-8", "replace")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def tell(case, problem, output):
    print(f"FAIL {case.name}: {problem}" if problem else f"ok {case.name}")
    print("     hearth", *(repr(word)[:200] for word in case.command))
    print("    ", output.strip()[:600])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("hearth", type=os.path.realpath)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--list", action="store_true", help="print what every case answered")
    arguments = parser.parse_args()

    suites = (models, vision, tokenizers, directories, templates, pictures)
    total, failed = 0, 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for suite in suites:
            cases = [c for c in suite.cases(arguments.hearth) if arguments.only in c.name]
            twice = [n for n, k in collections.Counter(c.name for c in cases).items() if k > 1]
            assert not twice, f"cases with one name: {twice}"
            attempts = pool.map(lambda case: attempt(arguments.hearth, case), cases)
            for case, (problem, output) in zip(cases, attempts):
                total += 1
                failed += problem is not None
                if problem or arguments.list:
                    tell(case, problem, output)
    print(f"{total} cases, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
