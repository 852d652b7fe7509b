"""Promotion by the benchmark's rule: a plan frozen before its first run, runs that can be resumed, a verdict.

`terms` is the frozen plan as a row of the run, `retune` may change learning rates and the like before, `carry` runs
what the plan lacks, `outcome` says what the runs show, `folder` writes it all down for whoever wants to check it.
"""
