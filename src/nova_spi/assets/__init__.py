"""Remote weights and data: fetched once, resumed after a break, verified, kept by their content."""
