"""Generators of hostile and odd files, one module for each kind; hostile_test.py runs them."""
