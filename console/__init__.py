"""The console: the web application of the four desks."""
