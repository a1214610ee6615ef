"""New projects and new rules: files that validate and pass their tests as they are written."""
