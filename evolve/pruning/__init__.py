"""`evolve prune`: what provably changes nothing goes, then what tests show to be worth nothing.

`proof` removes and checks, `parts` lists what may be tested, `procedure` decides what to try next and what follows,
`plan` writes it down, `carry` runs it, `records` is what they speak in.
"""
