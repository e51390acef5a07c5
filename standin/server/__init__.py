"""An OpenAI-compatible HTTP server over `transformers` generation, for one small model on a CPU.

Map: `__main__` starts it · `api` is HTTP · `wire` the requests · `answers` the response bodies · `errors`
the refusals · `intake` turns a request into sequences · `batching` queues them and gathers batches ·
`engine` runs one batch · `sampling` picks the tokens · `sequence` is one text being written.
"""
