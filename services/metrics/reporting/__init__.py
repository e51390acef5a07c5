"""The runs of an experiment side by side: a table, what it says, pictures, and a page that stands alone."""
