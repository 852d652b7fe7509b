"""A headless browser for looking at pages: what is in the document after its scripts have run."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1400,900",
)


def browser() -> str | None:
    """The command of an installed browser."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def document(page: Path, fragment: str = "", switches: tuple[str, ...] = ()) -> str:
    """The document of a page after its scripts have run."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            browser() or NAMES[0],
            *SWITCHES,
            *switches,
            f"--user-data-dir={profile}",
            "--dump-dom",
            page.absolute().as_uri() + fragment,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=True)
    return done.stdout
