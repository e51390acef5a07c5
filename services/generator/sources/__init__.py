"""Language-model servers behind one vocabulary: `Call` in, `Answer` or `SourceError` out.

More than fifteen files side by side: they are the parts of one call's way, and read each other's types:

registry, adapters, profile     which servers there are, what is loaded, is Compose's own named
router, peers, affinity         which of them takes a call
lane, limit, limited, waits     how many calls one may have, and when it is left alone
openai, fitting, gauges         what is written to it and asked of it
answer, envelope, packed        what is read from it
transport, connecting, pool, httpx_transport    how the bytes go
errors                          why a call failed, and what is to be done
"""
