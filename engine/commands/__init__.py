"""One file a verb: plain arguments in, an exit code out."""
