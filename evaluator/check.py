"""The static check of a genome, before anything runs."""

from __future__ import annotations


class Rejected(Exception):  # noqa: N818
    """A genome breaks a rule of the contract.

    Args:
        rule: Short name of the rule.
        message: One sentence that tells the author how to comply.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule
        self.message = message


def check(source: str) -> None:
    """Raise `Rejected` if the source does not parse."""
    try:
        compile(source, "<genome>", "exec")
    except SyntaxError as error:
        raise Rejected("parses", f"the genome must be valid Python: {error}") from error
