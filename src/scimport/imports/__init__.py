"""Mappings of other programs, turned into mapping files."""
