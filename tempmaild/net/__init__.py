"""The ground under the protocols: conversations without I/O, and the Twisted connections that carry them."""
