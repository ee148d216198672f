"""What makes a site of the plain Markdown pages."""
