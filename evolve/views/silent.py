"""The progress view that shows nothing: for scripts that read the database or the last lines."""

from __future__ import annotations

from evolve.views.progress import Progress


class Silent:
    """Draws nothing."""

    def start(self) -> None:
        """Nothing to begin."""

    def update(self, progress: Progress) -> None:
        """Nothing to show."""

    def stop(self) -> None:
        """Nothing to end."""
