"""`engine explain`: which rule an event has, what it asks for, and what comes of it with given or live answers."""
