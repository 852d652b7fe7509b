"""Token shards for `nanogpt`: fetched, or made of any text. Must not know of runs, programs or models."""
