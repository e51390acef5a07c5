"""Jobs: the record of the attempts to make one artifact, and what keeps them moving.

transitions   which state may follow which
records       the truth: an append-only log of states in the object store
live          what Redis knows meanwhile: leases, progress, events, what was sent
submission    a request becomes a job: state first, then the message
running       a worker takes a job: lease, heartbeat, handler, commit
reconciler    whatever got lost is found again

Sixteen files in one place: each is one step of a job's way, or one account of it, and all change together.
"""
