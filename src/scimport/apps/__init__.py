"""Load: bulk requests, sign-in, delivery, and what the endpoint's answers mean."""
