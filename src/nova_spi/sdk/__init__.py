"""The objects of the public face; `nova_spi` exports them."""
