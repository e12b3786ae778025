"""The routes of each desk. They read the request, ask `service.desks`, and show the answer; they decide nothing."""
