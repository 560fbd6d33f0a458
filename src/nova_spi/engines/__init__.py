"""Where models run: one port, `nova_spi.engines.port`, and one folder for each engine."""
