"""A service that answers questions about a documentation site. It has a leak."""
