"""What helps to write mappings: tests, rules, previews, lineage, and a site that documents a project."""
