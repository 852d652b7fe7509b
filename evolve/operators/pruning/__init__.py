"""What provably changes nothing in a genome, and how text is cut without hurting its formatting.

Analysis is on Python's own syntax tree, edits are on the text. From the bottom up: `text` (spans, commas, comments),
`scopes` (which variable a name means), `reading` (one genome, parsed and resolved), `vocabulary` and `purity` (what an
expression does besides giving a value), `keys` (entries of states and parameter groups), `calls` (functions all of
whose calls are known), `values` (numbers or tensors), `ranges` and `constants` (what is known beforehand), `holders`
and `observers` (through what a value can be observed), `liveness` (mark and sweep); and the passes `unused`, `fold`,
`idle`, `neutral`, `inlining` and `hooks`.

What "provably" takes for granted:

- The genome runs: nothing is kept for an exception that it might raise (but in a `try`, which waits for one), and
  loops end.
- Nobody looks into a genome but torch and the trainer: through `recipe`, the entries of what it returns, and the
  attributes and entries listed in `vocabulary`. A genome that reflects (`globals`, `getattr` with a computed name, ...)
  is left alone.
- One string key is one thing for the whole genome, and so is one attribute name: coarser than the truth, on the safe
  side.
- Hooks are called with 0 <= step < train_steps (`eval_weights` with train_steps at the end), whatever train_steps is.
- Numbers are finite, and the sign of a zero does not matter: a term times zero is nothing.
- Draws from the random stream, walks through iterators and writes through aliases are effects.
"""
