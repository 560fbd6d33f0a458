"""Speed, measured beside a peer in one run and told as ratios. Run it with `make bench`."""
