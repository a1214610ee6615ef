"""The parts of `engine demo`: the embedded broker and the sample API."""
