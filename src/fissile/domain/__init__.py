"""One folder a concept; modules own facts."""
