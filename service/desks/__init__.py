"""What the four desks ask of the service. Each function takes whose desk it is, and answers about nobody else's."""
