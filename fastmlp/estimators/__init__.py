"""Estimators behind scikit-learn's contract."""
