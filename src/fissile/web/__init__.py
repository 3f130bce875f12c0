"""The pages: translate a browser's request into a flow and its result into HTML."""
