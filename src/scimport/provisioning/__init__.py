"""The provisioning app as code: what is wanted of it, what is in the tenant, the way between them."""
