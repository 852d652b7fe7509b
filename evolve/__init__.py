"""The search: command line, engine, operators, budgets and views. The only package that knows the other two."""
