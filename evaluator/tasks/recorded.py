"""Work on fixed memory, recorded once as a CUDA graph and then replayed: one launch instead of hundreds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UPS = 3
"""Runs before recording: compilation, libraries' workspaces, autograd's own buffers."""


class Recorded:
    """Calls `work` by replaying it.

    Args:
        work: Reads and writes the same memory whenever it is called, and returns a tensor; does not wait for the card.
    """

    def __init__(self, work: Callable[[], Tensor]) -> None:
        self._work = work
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result = torch.empty(0)

    @property
    def ready(self) -> bool:
        """Whether it has been recorded."""
        return self._graph is not None

    def record(self) -> None:
        """Run the work a few times, then record it; whatever it writes is written."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                self._work()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Other threads of ours (of a process group, say) may go on asking the card for what they wait for.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._result = self._work()
        self._graph = graph

    def __call__(self) -> Tensor:
        """The work's result, in memory that the next call overwrites."""
        assert self._graph is not None, "record first"
        self._graph.replay()
        return self._result
