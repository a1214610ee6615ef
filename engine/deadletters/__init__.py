"""Dead letters, read back: listed, shown, replayed, given up."""
