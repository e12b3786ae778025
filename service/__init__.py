"""The service: one cycle from pull to alert, the scheduler, and the `warmlink` command line."""
