"""Text as everything here understands it: one definition each, in plain Python.

normal          when two spellings are the same: NFC, lower case, nothing invisible
unspaced        scripts that put no blanks between words, and how many of their letters stand for a word
words           tokens (what is compared and counted in n-grams) and words (what people count)
sentences       where sentences end
shingles        the runs of so many words that a text is compared by
contamination   when a row holds a row of a test set

Every service uses these. Where a compiled kernel does the same work faster, it names the definition that it
is held to, and a property test holds it. Why they are as they are: `docs/adr/0033-text-has-one-home.md`.
"""
