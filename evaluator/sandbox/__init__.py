"""What a candidate process may do: one file a member, weakest first."""
