"""Transform: a mapping turns the rows of a source into SCIM users, and says what is wrong with them."""
