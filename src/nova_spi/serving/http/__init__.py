"""A served model over HTTP: one raw ASGI application, and its faces side by side.

`app` finds the route, `authorising` lets the request in, a face answers it. A face is a module with ``ROUTES``; all it
needs of the model is `served.Served`.
"""
