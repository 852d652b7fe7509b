"""Moving parts of one genome into another: what a part needs, where it goes, and what then became unused."""
