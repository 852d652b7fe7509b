"""Operators that make a child from parents, one file each."""
