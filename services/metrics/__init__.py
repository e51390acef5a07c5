"""Metrics: diversity, shift and quality of datasets; pictures of them; and the rows they are made of."""
