"""Real servers on loopback, each on a free port with its own temporary directory.

``servers.catalog`` starts them lazily and once; ``python -m tests.servers up NAME …`` keeps them by hand.
"""
