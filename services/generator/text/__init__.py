"""How texts are counted: tokens, words, and scripts without spaces."""
