"""What can be taken out of a genome so that the rest still runs: one file for each kind of cut."""
