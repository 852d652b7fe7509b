"""What a genome is worth: source text in, trials out.

Tasks, rungs, the sandbox, the trusted trainer and the candidate's side of it. This package must not know of
islands, archives, estimates or language models, and it never imports `population` or `evolve`.
"""
