"""What provably changes nothing in a genome, and how text is cut without hurting its formatting."""
