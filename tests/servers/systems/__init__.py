"""One module a system. The catalog finds them by itself.

A module has ``makers(catalog) -> dict[str, Callable[[], ServerProcess]]``: the names that `ServerCatalog.get` then
knows. ``fetch()``, if there, downloads or builds what the server needs into the cache folder, once.
"""
