"""The interpreter gives Python's own values for what settings are made of, and gives up on the rest in bounded time."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.importing.facts import Facts
from evolve.importing.outside import UNKNOWN
from evolve.importing.settings import overrides

NUMBERS = st.one_of(st.integers(-50, 50), st.floats(-50, 50, allow_nan=False))


def value(text: str, before: str = "", **settings: str) -> object:
    tree = ast.parse(f"{before}\nRESULT = {text}\nprint(RESULT)\n")
    return Facts(tree, settings).by_name("RESULT")


@given(NUMBERS, NUMBERS, st.sampled_from(["+", "-", "*", "<", ">=", "==", "!="]))
def test_arithmetic_is_pythons(a: float, b: float, op: str) -> None:
    text = f"({a!r}) {op} ({b!r})"
    assert value(text) == eval(text)


@given(st.lists(st.integers(-9, 9), max_size=6))
def test_lists_of_a_setting(numbers: list[int]) -> None:
    text = '[int(part) for part in os.environ.get("X", "").split(",") if part.strip()]'
    assert value(text, X=",".join(map(str, numbers))) == numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('int(os.environ.get("N", "7")) + 1', 8),
        ('float(os.environ.get("N", str(0.5)))', 0.5),
        ('os.environ.get("N", "1") == "1"', True),
        ("{'a': 2}['a'] if True else missing", 2),
        ("max(3, min(5, 4)) ** 0.5", 2.0),
        ("len(sys.argv) > 1", False),
        ("unknown > 3 and False", False),
        ("unknown not in set()", True),
        ("f'{3:02d}-{1.5}'", "03-1.5"),
        ("sum(x * x for x in range(4))", 14),
        ("sorted({3, 1, 2})[-1]", 3),
    ],
)
def test_settings(text: str, expected: object) -> None:
    assert value(text, before="import os, sys") == expected


def test_functions_of_the_script() -> None:
    before = """
def parse(raw, default=()):
    '''Numbers.'''
    if not raw.strip():
        return list(default)
    found = []
    for part in raw.split(','):
        found.append(float(part))
    return found
"""
    assert value("parse('1,2.5')", before) == [1.0, 2.5]
    assert value("parse('', (4,))", before) == [4]


@pytest.mark.parametrize(
    "text",
    [
        "unknown",
        "open('/etc/passwd').read()",
        "().__class__.__bases__",
        "__import__('os').system('true')",
        "9 ** 9 ** 9 ** 9",
        "'x' * 10 ** 12",
        "[0] * 10 ** 9",
        "list(range(10 ** 12))",
        "[x for x in range(9999) for y in range(9999)]",
        "'{:>999999999}'.format(1)",
        "f'{1:999999999}'",
        "'%999999999d' % 1",
        "(lambda: 1)()",
        "loop()",
        "forever()",
    ],
)
def test_it_gives_up_soon(text: str) -> None:
    before = "def loop():\n    return loop()\n\n\ndef forever():\n    while True:\n        pass\n"
    began = time.process_time()
    assert value(text, before) is UNKNOWN
    assert time.process_time() - began < 20  # a bound on work, not on speed


def test_what_is_changed_later_is_unknown() -> None:
    assert value("HP['lr']", "HP = {'lr': 1}\nHP['lr'] = 2") is UNKNOWN
    assert value("A", "A = 1\nA = 2") is UNKNOWN


PARSING = """
import argparse


def build():
    made = argparse.ArgumentParser(description="x")
    return made


def parse_args():
    parser = build()
    group = parser.add_argument_group("sizes")
    group.add_argument("--mbs", type=int, default=16)
    parser.add_argument("--val-mbs", type=int)
    parser.add_argument("--lr", type=float, default=0.5)
    args, rest = parser.parse_known_args()
    assert args.lr > 0, "positive"
    if args.val_mbs is None:
        args.val_mbs = 2 * args.mbs
    return args


args = parse_args()
"""


def test_a_parser_in_a_function_of_the_script() -> None:
    assert value("args.val_mbs + args.lr", PARSING) == 32.5
    assert value("args.val_mbs + args.lr", PARSING, val_mbs="3", lr="2") == 5.0


def test_a_function_changes_only_what_it_made() -> None:
    before = PARSING + "def halved(given):\n    given.lr = given.lr / 2\n    return given.lr\n\n\n"
    assert value("halved(args)", before) is UNKNOWN
    assert value("args.lr", before) == 0.5


OVERRIDDEN = """
import argparse, ast

BASE = dict(steps=3000, lr=0.25, betas=(0.8, 0.95), name="plain")


def parsed(raw):
    try:
        return ast.literal_eval(raw)
    except (ValueError, SyntaxError):
        return raw


def resolved(pairs):
    found = dict(BASE, mode="train")
    for pair in pairs:
        key, _, raw = pair.partition("=")
        found[key] = parsed(raw)
    return found


parser = argparse.ArgumentParser()
parser.add_argument("--set", action="append", default=[])
args = parser.parse_args()
hp = resolved(args.set)
"""


def test_settings_in_a_dict_that_arguments_change() -> None:
    base = {"steps": 3000, "lr": 0.25, "betas": (0.8, 0.95), "name": "plain", "mode": "train"}
    assert value("{**hp}", OVERRIDDEN) == base
    given = overrides(("set=steps=1500", "set=betas=[0.5, 0.9]", "set=name=an other"))
    assert value("dict(**hp)", OVERRIDDEN, **given) == base | {"steps": 1500, "betas": [0.5, 0.9], "name": "an other"}
    assert value("BASE['steps']", OVERRIDDEN, **given) == 3000


@pytest.mark.parametrize("raw", ["'(' * 900", "'9' * 2000", "'[' * 1001", "'__import__(1)'", "7"])
def test_texts_that_are_no_values_are_given_up_on(raw: str) -> None:
    assert value(f"ast.literal_eval({raw})", "import ast") is UNKNOWN


@pytest.mark.parametrize("caught", ["TypeError", "(KeyError, OSError)", "ValueError as error"])
def test_other_handlers_are_given_up_on(caught: str) -> None:
    before = f"def parsed(raw):\n    try:\n        return int(raw)\n    except {caught}:\n        return raw\n\n\n"
    assert value("parsed('x')", before) is UNKNOWN
    assert value("parsed('4')", before) == 4


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("spread = WIDTH - 3\nif spread > 0:\n    print(spread)", 0),
        ("spread = WIDTH - 3\nspread += 1\nprint(spread)", UNKNOWN),
        ("print(spread)\nspread = WIDTH - 3", UNKNOWN),
        ("if step > 3:\n    spread = WIDTH - 3\nprint(spread)", UNKNOWN),
        ("spread = WIDTH - step\nprint(spread)", UNKNOWN),
        ("spread = [WIDTH]\nprint(spread)", UNKNOWN),
        ("spread = other = WIDTH\nprint(spread)", 3),
    ],
)
def test_what_each_turn_of_a_loop_sets_anew(body: str, expected: object) -> None:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    tree = ast.parse(f"WIDTH = 3\nfor step in range(10):\n{lines}")
    assert Facts(tree, {}).by_name("spread") == expected


def test_what_a_loop_sets_is_unknown_outside_of_it() -> None:
    text = "for step in range(10):\n    spread = 3\n    print(spread)\nprint(spread)"
    assert Facts(ast.parse(text), {}).by_name("spread") is UNKNOWN
