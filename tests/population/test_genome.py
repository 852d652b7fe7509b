"""Identity and safe parsing of genomes."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.genome import MAX_BYTES, GenomeError, digest, module, parse

PLAIN = '''
"""A module."""
import torch  # the library


class Thing(torch.optim.Optimizer):
    """A class."""

    def step(self, scale=1e-3, *, name="a"):
        """A method."""
        return (scale + 1) * [-1.0, 16]
'''

RESTYLED = """
import torch
class Thing( torch.optim.Optimizer ):

    def step(self, scale = 0.001, *, name = 'a'):
        # another comment
        pass
        return ((scale + 1)
                * [ - 1.0, 0x10 ])
"""

RICH = r"""
import math as m
from . import x
global_one: float = 1e3j
def f(a, /, b=(1, 2), *c, d=None, **e) -> int:
    y = f"a{a!r:>{b}}z" "c{}" f"{a=}" f"{a:}" f"{a:.3f}"
    z = f"plain" 'q'
    print(y[1:2, ...], not a, lambda q: q, {**e, "k": 1}, [i for i in range(3) if i], b"x", 10**400)
    with (open(a) as p, open(b) as q):
        p.q, r = q
    try:
        raise ValueError from None
    except* ValueError as error:
        del a
    match a:
        case {"k": 1, **rest} if rest: return rest
        case [1, *_] | None | True: ...
        case m.pi as pie: return pie
    return (yield)
async def g():
    async for i in x: await i
"""


def test_formatting_comments_docstrings_quotes_and_number_spelling_do_not_count() -> None:
    assert digest(PLAIN) == digest(RESTYLED)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "y = 1"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = 1\ny = 2", "y = 2\nx = 1"),
        ("x = -1", "x = 1"),
        ("f(a=1)", "f(b=1)"),
        ("x = a - (b - c)", "x = a - b - c"),
        ("def f(a, *, b): 0", "def f(a, b): 0"),
        ("def f(a, *, b=1): 0", "def f(a=1, *, b): 0"),
        ("x = f'{a}'", "x = f'{a!r}'"),
        ("x = f'{a}b'", "x = f'{a:b}'"),
        ("from . import a", "import a"),
        ("for x in y:\n    break", "for x in y:\n    0\nelse:\n    0"),
    ],
)
def test_meaning_counts(before: str, after: str) -> None:
    assert digest(before) != digest(after)


def test_identity_is_the_same_on_every_python() -> None:
    """Expected values were computed alike with Python 3.11.7, 3.12.1 and 3.13.0."""
    assert digest(PLAIN) == "bfc5c88af900c0b05d76"
    assert digest(RICH) == "e77c8a0eb5c8450832f6"


@given(st.text(max_size=30), st.text(max_size=30))
def test_strings_are_told_apart(one: str, other: str) -> None:
    same = digest(f"x = [{one!a}, {other!a}]") == digest(f"x = [{one + other!a}, '']")
    assert same == (other == "")


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=0))
def test_a_number_is_its_value(number: float) -> None:
    assert digest(f"x = {number!r}") == digest(f"x = {number:.17e}")


@given(
    st.recursive(
        st.integers(0, 9).map(str), lambda x: st.tuples(x, x).map(lambda p: f"({p[0]} + {p[1]})"), max_leaves=12
    )
)
def test_unparsing_keeps_the_identity(expression: str) -> None:
    assert digest(f"x = {expression}") == digest(ast.unparse(ast.parse(f"x = {expression}")))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1\n" + "#" * MAX_BYTES, f"at most {MAX_BYTES}"),
        ("é" * (MAX_BYTES // 2 + 1), f"at most {MAX_BYTES}"),
        ("x = 1\0", "NUL"),
        ("\ufeffx = 1", "byte order mark"),
        ("x = '\ud800'", "surrogates"),
        ("def f(:\n    pass", "line 1"),
        ("return 1", "outside function"),
        ("x = " + "9" * 5000, "line 1"),
        ("(" * 300 + ")" * 300, "nested"),
        ("x = " + "[" * 150 + "]" * 150, "levels deep"),
        ("+".join(["1"] * 30_000), "nested"),
        ("-" * 5_000 + "1", "nested"),
        ("a" + ".a" * 20_000, "nested"),
        ("if x:\n 0\n" + "elif x:\n 0\n" * 3_000, "nested"),
        ("lambda:" * 5_000 + "1", "nested"),
    ],
)
def test_what_is_no_genome_is_said_plainly(source: str, says: str) -> None:
    for read in (parse, digest, module):
        with pytest.raises(GenomeError, match=says):
            read(source)


def test_libcst_gets_what_compiles_and_gives_it_back() -> None:
    assert module(PLAIN).code == PLAIN


def test_warnings_of_the_compiler_are_not_shown(recwarn: pytest.WarningsRecorder) -> None:
    parse('x = "\\d"')
    assert not recwarn.list
