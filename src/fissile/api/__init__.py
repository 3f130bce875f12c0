"""The JSON interface: structs in and out, problems, OpenAPI."""
