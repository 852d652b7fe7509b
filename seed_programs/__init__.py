"""Seed programs: one self-contained optimizer a file, read as text by the engine and imported only by tests."""
