"""YAML becomes rules, rules become requests: sans I/O."""
