"""An API's own document, OpenAPI 3.0 and 3.1: which operations there are, what they take and what they give."""
