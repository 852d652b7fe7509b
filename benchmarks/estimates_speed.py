"""What estimates cost per birth in small and large runs: one program, its trial, its estimate, what went stale.

    python -m benchmarks.estimates_speed                        # up to 100,000 programs, several minutes
    python -m benchmarks.estimates_speed --programs 100 1000    # quicker

Parents are drawn from the 200 best programs of a run whose effects and noise are as in `landscapes.Skewed`. Figures are
CPU time of this process: per birth over all births so far (refits included), and the longest single birth.
"""

from __future__ import annotations

import argparse
import math
import resource
import time

import numpy as np

from population.estimate import Estimates

SD = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, nargs="+", default=[100, 10_000, 100_000])
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    estimates = Estimates()
    value: list[float] = []
    shared: list[np.ndarray] = []
    best: list[tuple[float, int]] = []
    spent = longest = 0.0
    since, at_since = 0.0, 0
    print("programs  ms/birth (all)  ms/birth (since last line)  longest ms  refits  resident MB")
    for program in range(max(args.programs)):
        parent = None if program < 8 else best[int(rng.integers(len(best)))][1]
        if parent is None:
            value.append(3.0 + 0.02 * rng.exponential())
            shared.append(rng.standard_normal(8))
        else:
            gain = rng.random() < 0.1
            effect = -0.3 * SD * rng.random() if gain else 1.5 * SD * rng.lognormal(0.0, 1.2)
            value.append(value[parent] + effect)
            kept = rng.beta(12.0, 1.0)
            shared.append(kept * shared[parent] + math.sqrt(1 - kept**2) * rng.standard_normal(8))
        trials = 4 if parent is None else 1 + int(rng.random() < 0.1)
        results = value[program] + SD * shared[program] + 0.3 * SD * rng.standard_normal(8)
        start = time.process_time()
        estimates.add_program(program, parent, "seed" if parent is None else "perturb")
        for rng_seed in range(trials):
            estimates.add_trial(program, rng_seed, float(results[rng_seed]))
        found = estimates.estimate(program)
        estimates.stale()
        took = time.process_time() - start
        spent += took
        since += took
        longest = max(longest, took)
        best.append((found.mean, program))
        if len(best) > 400:
            best = sorted(best)[:200]
        if program + 1 in args.programs:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{program + 1:8d}  {1e3 * spent / (program + 1):14.3f}  {1e3 * since / (program + 1 - at_since):26.3f}"
                f"  {1e3 * longest:10.0f}  {estimates.fits:6d}  {memory:11.0f}",
                flush=True,
            )
            since, at_since, longest = 0.0, program + 1, 0.0


if __name__ == "__main__":
    main()
