"""Speaking with a registry by the distribution specification: pulled and pushed, each byte verified on its way."""
