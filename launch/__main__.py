"""`python -m launch` is `gemba`."""

from launch.cli import main

main()
