"""Entry point of the command `evolve`."""

from evolve.cli import main

if __name__ == "__main__":
    main()
