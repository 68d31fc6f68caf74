"""Imputers as scikit-learn transformers."""
