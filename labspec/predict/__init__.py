"""What one request will look like: the walk of a request over the proxies of the Mesh."""
