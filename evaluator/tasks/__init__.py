"""The tasks an optimizer can be scored on, one file each."""
