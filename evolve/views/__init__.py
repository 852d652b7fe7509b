"""What people look at: terminal views and the lineage page."""
