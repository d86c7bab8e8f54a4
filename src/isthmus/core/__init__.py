"""What every floor stands on: errors, safe files, registries and the types of settings."""
