"""A process that plays CISO Assistant's REST API, traps included, and objects to what its document does not know."""
