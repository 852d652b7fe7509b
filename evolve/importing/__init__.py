"""From a public benchmark script to a genome, without ever executing it.

The steps, one file each: `source` reads a script or a log; `settings`, `outside`, `facts` and `interpret` find out what
steers it, `folding` applies that; `anatomy` finds the model and the training loop; `mapping` makes `hooks` of the loop,
`passes`, `validating` and `stepping` of its parts; `effects` and `aliases` tell what matters, `slicing` keeps what is
needed; `rules` refuses what the contract's loop or the task would do otherwise; `placing` says what lives inside
`recipe`, `writing` prints it; `steps` deals with absolute step numbers. Must not import torch, and must not know the
search.
"""
