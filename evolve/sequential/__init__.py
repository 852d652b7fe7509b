"""Promotion without peeking bias: look at the runs a few times, stop early, and keep the level.

A plan is frozen before the first run (`plan`); `decide` says what to do after each. The method is group-sequential:
the level 0.001 is spent over the looks (`spending`) and the critical values follow from the exact distribution of the
statistic at all looks together (`boundaries`), with the benchmark's fixed sd or with the estimated one. Nothing here
may know of programs, stores or logs.

How to use it: `plan = make_plan(train_steps, validated_steps, claim)`, written down as `plan.to_dict()` together with
the rng_seeds of `plan.most` runs; then make runs in that order, as many at once as one likes up to the next look, and
after each call `decide(plan, runs)` with the curves of all runs that ended without a gap before them, None for one that
failed.
"""
