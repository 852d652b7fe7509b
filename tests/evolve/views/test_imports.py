from __future__ import annotations

import subprocess
import sys
from importlib import resources

HEAVY = ("rich", "pygments", "torch", "networkx", "libcst", "litellm", "sqlite3", "sqlite_utils")


def test_importing_the_views_costs_nothing():
    modules = [
        f"evolve.views.{item.name.removesuffix('.py')}"
        for item in resources.files("evolve.views").iterdir()
        if item.name.endswith(".py") and item.name != "__init__.py"
    ]
    code = f"import sys, {', '.join(modules)}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
