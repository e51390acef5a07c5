"""N-grams counted: keys, tables, partitions and spectra that the measures are computed from."""
