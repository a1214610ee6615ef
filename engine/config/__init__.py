"""config.yaml and the environment become one frozen Config."""
