"""The embedded engine: a model as a supervised process of this machine. It needs nothing installed."""
