from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.operators.pruning.text import Edit, Text, is_banner


def call_of(source: str) -> tuple[Text, ast.Call]:
    node = ast.parse(source, mode="eval").body
    assert isinstance(node, ast.Call)
    return Text(source), node


def without(source: str, *gone: int) -> str:
    """The call without some of its arguments."""
    text, call = call_of(source)
    members = sorted([*call.args, *call.keywords], key=text.span)
    return text.edited(text.without_members(source.index("("), [text.span(m) for m in members], list(gone)))


@pytest.mark.parametrize(
    ("source", "gone", "after"),
    [
        ("f(a, b, c)", (0,), "f(b, c)"),
        ("f(a, b, c)", (1, 2), "f(a)"),
        ("f(a, b, c)", (0, 1, 2), "f()"),
        ("f((a + b) * c, (d), *e, k=(1), **m)", (1, 3), "f((a + b) * c, *e, **m)"),
        ("f((a), (b))", (0,), "f((b))"),
        ("f((a), (b))", (1,), "f((a))"),
        ("f(a, 'x,)', b)", (0,), "f('x,)', b)"),
        ("f(\n    a,  # first, of two\n    b,  # second\n)", (0,), "f(\n    b,  # second\n)"),
        ("f(\n    a,\n    b\n)", (1,), "f(\n    a,\n)"),
        ("f(a,\n  b, c)", (2,), "f(a,\n  b)"),
        ("f('é', a, b)", (1,), "f('é', b)"),
    ],
)
def test_members_go_with_their_commas_parentheses_and_comments(source: str, gone: tuple[int, ...], after: str) -> None:
    assert without(source, *gone) == after


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_stays_of_a_call_is_what_was_written(data: st.DataObject) -> None:
    parts = data.draw(
        st.lists(st.sampled_from(["a", "(b)", "g(c, d)", "'(,'", "x[1, 2]", "(e, f)"]), min_size=1, max_size=5)
    )
    gaps = [data.draw(st.sampled_from([" ", "\n  ", "  # note, (\n  "])) for _ in parts]
    source = f"f({''.join(f'{gap}{part},' for gap, part in zip(gaps, parts, strict=True))}\n)"
    gone = data.draw(st.lists(st.integers(0, len(parts) - 1), unique=True).map(sorted))
    kept = [part for index, part in enumerate(parts) if index not in gone]
    left = ast.parse(without(source, *gone), mode="eval").body
    assert ast.dump(left) == ast.dump(ast.parse(f"f({', '.join(kept)})", mode="eval").body)


@pytest.mark.parametrize(
    ("source", "gone", "after"),
    [
        ("a = 1\nb = 2\n", [0], "b = 2\n"),
        ("a = 1; b = 2; c = 3\n", [1], "a = 1; c = 3\n"),
        ("a = 1; b = 2\n", [1], "a = 1\n"),
        ("# on a\na = 1\n# on b\nb = 2\n", [0], "# on b\nb = 2\n"),
        ("a = 1\n\n\ndef f():\n    pass\n\n\nb = 2\n", [1], "a = 1\n\n\nb = 2\n"),
        ("a = 1\n\nb = 2\nc = 3\n", [1], "a = 1\n\nc = 3\n"),
        ("########\n# Title #\n########\na = 1\nb = 2\n", [0], "########\n# Title #\n########\nb = 2\n"),
        ("a = 1\n\n@deco(\n    1)\ndef f(): pass\n", [1], "a = 1\n"),
        ("a = (\n    1\n)\nb = 2  # b\n", [1], "a = (\n    1\n)\n"),
        ("a = 1\nb = 2\n", [0, 1], "pass\n"),
    ],
)
def test_statements_go_with_their_lines_and_comments(source: str, gone: list[int], after: str) -> None:
    body = ast.parse(source).body
    text = Text(source)
    assert text.edited(text.without(body, [body[i] for i in gone])) == after


STATEMENTS = [
    "a = 1",
    "b = (\n{0}    2,  # two\n{0})",
    "if c: d = 3",
    "if c:\n{0}    d = 3\n{0}    # last\n{0}else:\n{0}    e = 4",
    "@deco(\n{0}    1)\n{0}def f(): pass",
    'g = """\ntext\n"""',
]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_stays_of_a_block_is_what_was_written(data: st.DataObject) -> None:
    indent = data.draw(st.sampled_from(["", "    "]))
    parts = data.draw(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=5))
    source, simple = "", False
    for part in parts:
        gaps = ["\n", "\n\n\n", f"\n{indent}# note\n", f"  # end\n\n{indent}# =====\n"]
        gap = data.draw(st.sampled_from(["; ", *gaps] if simple and part == "a = 1" else gaps)) if source else ""
        source += gap + ("" if gap == "; " else indent) + part.format(indent)
        simple = part == "a = 1"
    source = ("for _ in x:\n" if indent else "") + source + "\n"

    def block(text: str) -> list[ast.stmt]:
        tree = ast.parse(text)
        return tree.body[0].body if indent else tree.body  # type: ignore[attr-defined,no-any-return]

    body = block(source)
    gone = data.draw(st.lists(st.sampled_from(body), unique_by=id))
    kept = [ast.dump(statement) for statement in body if statement not in gone]
    text = Text(source)
    left = block(text.edited(text.without(body, gone)))
    assert [ast.dump(statement) for statement in left] == (kept or [ast.dump(ast.Pass())])


def test_a_block_moves_left_but_not_the_inside_of_its_strings() -> None:
    source = 'if a:\n    # why\n    x = """\n    y\n    """\n\n    z = (1,\n         2)  # two\nw = 1\n'
    statement = ast.parse(source).body[0]
    assert isinstance(statement, ast.If)
    text = Text(source)
    after = '# why\nx = """\n    y\n    """\n\nz = (1,\n     2)  # two\nw = 1\n'
    assert text.edited([text.spliced(statement, statement.body)]) == after


@pytest.mark.parametrize(
    ("source", "after"),
    [
        ("x = (a + b) * c", "x = a * c"),
        ("x = f(a + b)", "x = f(a)"),
        ("x = f((a + b))", "x = f(a)"),
        ("return(a + b)", "return(a)"),
    ],
)
def test_an_operand_sheds_the_parentheses_of_the_whole(source: str, after: str) -> None:
    node = next(n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add))
    text = Text(source)
    assert text.edited([text.replaced(node, node.left)]) == after


def test_an_edit_inside_another_goes_with_it_and_a_crossing_one_is_an_error() -> None:
    text = Text("abcdef")
    assert text.edited([Edit(1, 5), Edit(2, 3, "x")]) == "af"
    with pytest.raises(ValueError, match="overlap"):
        text.edited([Edit(1, 4), Edit(3, 5)])


@pytest.mark.parametrize(
    ("line", "banner"), [("########", True), ("# ### why", False), ("#   Optimizer   #", True), ("# a", False)]
)
def test_banners(line: str, banner: bool) -> None:
    assert is_banner(line) is banner
