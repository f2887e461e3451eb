"""From a machine's publish to the committed row and to the board, beside a naive chain."""
