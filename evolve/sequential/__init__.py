"""Promotion without peeking bias: look at the runs a few times, stop early, and keep the level.

A plan is frozen before the first run (`plan`); `decide` says what to do after each. The method is group-sequential:
the level 0.001 is spent over the looks (`spending`) and the critical values follow from the exact distribution of the
statistic at all looks together (`boundaries`), with the benchmark's fixed sd or with the estimated one. Nothing here
may know of programs, stores or logs.
"""
