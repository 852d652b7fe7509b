"""Writes the prompts for language models, from plain records. Pure: must not know the store, the engine or a model."""
