"""From a program of a run to a submission: a single-file script, results, README, curves and logs.

`marks` says how a genome stands inside a script so that it can be taken out again, `script` fills our own script,
`splice` a copy of the benchmark's, `results`, `readme` and `curves` tell what was measured, `folder` puts it together.
Must not run anything.
"""
