"""Language-model servers behind one vocabulary: `Call` in, `Answer` or `SourceError` out."""
