"""Messages to people: letters, ways, words, what becomes of them."""
