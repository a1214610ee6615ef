"""What the values in a rule are, before there is an event: types from Avro schemas and API documents."""
