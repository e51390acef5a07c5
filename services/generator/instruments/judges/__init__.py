"""Language models as judges (arXiv 2511.01490): ratings 1–5, and the preference for one's own texts."""
