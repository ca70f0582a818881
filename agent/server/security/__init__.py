"""Who may ask for what: small checks on a request before any route sees it.

A check is a function of the ASGI scope that raises `ApiError` or lets the request pass.
"""
