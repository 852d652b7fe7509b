"""Seed programs: one self-contained optimizer a file, read as text by the engine; only tests import them."""
