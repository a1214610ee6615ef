"""HTTP/1.1 on the event loop, for `transports.httptools`: connections, their pool, and the reading of answers."""
