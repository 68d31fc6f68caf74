"""Tables as data, the runner that computes their cells, the store that keeps them, the report."""
