"""Who lives where: genomes and their components, the store, archives, islands, estimates, lineage.

This package must not know of torch, of language models, or of how a trial is run; it reasons about plain rows
(program id, rung name, rng_seed, outcome text, value or None) and never imports `evaluator` or `evolve`.
"""
