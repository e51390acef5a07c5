"""Sends each call to a source that can take it now, and brings back an answer or a final refusal.

Per call: the peers of its model, or for calls with a shared prefix the one that keeps it (`affinity`, with
one leader first, so that the others find the prefix computed); a wait until that source has room (`limit`);
on failure another try, there or at a peer, by the table in `errors`. A storm (429) is waited out: as long as
an answer comes now and then, or for as long as patience allows. A source that is gone is probed until it is
back; while a model has none, its calls wait and `on_pause` is told why.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from services.generator.calls.call import Answer, Call, Model
from services.generator.calls.ledger import Ledger
from services.generator.sources.errors import Action, Cause, NoSource, SourceError
from services.generator.sources.lane import Lane, Turns
from services.generator.sources.limited import RateLimited
from services.generator.sources.peers import Peers
from services.generator.sources.retrying import retried, until_it_succeeds

PATIENCE_SECONDS = 900.0
GAUGE_SECONDS = 1.0


class Router:
    """`ask` is the whole interface; use as an async context manager to stop its probes and connections."""

    def __init__(
        self,
        lanes: Iterable[Lane],
        ledger: Ledger,
        *,
        on_pause: Callable[[str], None] = lambda reason: None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.ledger = ledger
        self._on_pause = on_pause
        self._patience = patience
        self._of_texts: dict[Model, Peers] = {}
        self._of_chats: dict[Model, Peers] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.lanes = list(lanes)
        for lane in self.lanes:
            peers = self._of_chats if lane.chat else self._of_texts
            peers.setdefault(lane.model, Peers(lane.model)).lanes.append(lane)

    async def __aenter__(self) -> Router:
        self._loop = asyncio.get_running_loop()
        for lane in self.lanes:
            self._spawn(self._watch(lane))
        return self

    async def __aexit__(self, *exc: object) -> None:
        for peers in [*self._of_texts.values(), *self._of_chats.values()]:
            if peers.limited is not None:
                peers.limited.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lane in self.lanes:
            await lane.client.close()

    @property
    def capacity(self) -> int:
        """Calls that may be in flight now, over all live sources."""
        places = 0
        for lane in self.lanes:
            if not lane.out:
                places += int(lane.limit.value)
        return places

    @property
    def in_flight(self) -> int:
        return sum(lane.in_flight for lane in self.lanes)

    async def ask(self, call: Call) -> Answer:
        """The answer to `call`.

        Raises `SourceError` when the call itself is refused or failed too often, `Refusing` when its model
        refuses every call, `NoSource` when no source that serves its model came back in time.
        """
        try:
            return await self._once(call)
        except SourceError as error:
            if error.action is not Action.GIVE_UP:
                return await self._again(call, error)
            self._judge(call, error)
            raise

    def _judge(self, call: Call, error: SourceError) -> None:
        """A call is given up: is it the call, or does its model refuse them all? Raises `Refusing`."""
        peers = self._peers(call)
        if peers is not None and peers.trial is not None:
            peers.trial.refused(call, error)

    async def _again(self, call: Call, first: SourceError) -> Answer:
        """The slow path: the same call until it is answered, refused, or has failed too often."""
        try:
            return await retried(lambda: self._once(call), first)
        except SourceError as last:
            self._judge(call, last)
            raise

    def _once(self, call: Call) -> Coroutine[Any, Any, Answer]:
        peers = self._peers(call)
        if peers is None:
            raise NoSource(
                str(call.model), {"sources": f"none of {[lane.name for lane in self.lanes]} serves it"}
            )
        if peers.gone is not None:
            raise peers.gone
        if call.prefix:
            return self._led(call, peers)
        lane = peers.roomiest(self._loop.time()) if not peers.waiters else None
        if lane is None:
            return self._queued(call, peers)
        lane.in_flight += 1
        return self._send(call, lane, peers)

    def _peers(self, call: Call) -> Peers | None:
        """Those who serve its model in its protocol: many servers speak one of the two only."""
        return (self._of_texts if isinstance(call.prompt, str) else self._of_chats).get(call.model)

    async def _queued(self, call: Call, peers: Peers) -> Answer:
        lane = None
        while lane is None:
            lane = await self._wait(peers, peers.waiters)
        return await self._send(call, lane, peers)

    async def _led(self, call: Call, peers: Peers) -> Answer:
        """A call with a shared prefix: at the prefix's home, after its leader."""
        while True:
            loads = {lane.name: lane.load for lane in peers.lanes if not lane.out}
            if not loads:
                await self._wait(peers, peers.waiters, admitted=False)
                continue
            home = peers.affinity.home(call.prefix, loads)
            lane = next(lane for lane in peers.lanes if lane.name == home)
            gate = (home, call.prefix)
            if gate not in peers.gates:
                return await self._lead(call, peers, lane, gate)
            followers = peers.gates[gate]
            if followers is not None:
                lane.gated += 1
                queue = followers
            elif not lane.waiters and lane.has_room(self._loop.time()):
                lane.in_flight += 1
                return await self._send(call, lane, peers)
            else:
                queue = lane.waiters
            if await self._wait(peers, queue) is not None:
                return await self._send(call, lane, peers)

    async def _lead(self, call: Call, peers: Peers, lane: Lane, gate: tuple[str, str]) -> Answer:
        """The first call of a prefix; those that came meanwhile are let in when it is answered."""
        followers: Turns = deque()
        peers.gates[gate] = followers
        warm = False
        try:
            if not lane.waiters and not lane.leaders and lane.has_room(self._loop.time()):
                lane.in_flight += 1
            elif await self._wait(peers, lane.leaders) is None:
                raise SourceError(Cause.DEAD, lane.out or "it is gone", source=lane.name)
            answer = await self._send(call, lane, peers, refill=False)
            warm = True
            return answer
        finally:
            lane.gated -= len(followers)
            if warm:
                peers.warm(gate)
                lane.waiters.extend(followers)
            else:
                del peers.gates[gate]
                _look_again(followers)
            self._freed(lane, peers)

    async def _send(self, call: Call, lane: Lane, peers: Peers, *, refill: bool = True) -> Answer:
        """Issue the call on an admitted lane (`in_flight` already counts it)."""
        account = self.ledger.account(lane.name)
        trial = peers.trial
        ticket = trial.sent() if trial is not None else 0
        issued = False
        try:
            if lane.seconds_between:
                await asyncio.sleep(lane.slot_delay(self._loop.time()))
            account.issued += 1
            issued = True
            start = self._loop.time()
            answer = await lane.client.ask(call)
            now = self._loop.time()
            lane.succeeded(now, now - start)
            peers.trial = None
            if peers.limited is not None:
                peers.limited.answered()
                peers.limited = None
            account.enter(answer)
            return answer
        except SourceError as error:
            account.failed[error.reason.value] += 1
            lane.failed(error, self._loop.time())
            if error.reason is Cause.RATE_LIMITED:
                self._limited(peers, error)
            if lane.out:
                self._lost(lane, peers)
            raise
        except asyncio.CancelledError:
            account.failed["cancelled"] += issued
            raise
        finally:
            if trial is not None:
                trial.ended(ticket)
            lane.in_flight -= 1
            if refill:
                self._freed(lane, peers)

    def _limited(self, peers: Peers, error: SourceError) -> None:
        """A rate limit: waited out, told where it lasts, and given up when patience has run out."""

        def give_up(causes: dict[str, str]) -> None:
            peers.gone = NoSource(str(peers.model), causes)
            for queue in (peers.waiters, *(turns for lane in peers.lanes for turns in lane.queues)):
                _fail(queue, peers.gone)

        if peers.limited is None:
            peers.limited = RateLimited(self._loop, self._patience, self._on_pause, give_up)
        peers.limited.refused(error)

    async def _wait(self, peers: Peers, queue: Turns, *, admitted: bool = True) -> Lane | None:
        """Wait in `queue` for room. The lane comes back admitted; None: look again, things have
        changed."""
        if peers.gone is not None:
            raise peers.gone
        turn: asyncio.Future[Lane | None] = self._loop.create_future()
        queue.append(turn)
        if peers.troubled:
            self._admit(peers)
        try:
            lane = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and (given := turn.result()) is not None:
                given.in_flight -= 1
                self._admit(peers)
            raise
        if lane is not None and not admitted:
            lane.in_flight -= 1
            return None
        return lane

    def _admit(self, peers: Peers) -> None:
        """Let waiting calls in wherever there is room; wake up again when a pause ends."""
        now = self._loop.time()
        for lane in peers.lanes:
            if lane.not_before <= now:
                lane.not_before = 0.0
            while (lane.waiters or lane.leaders) and lane.has_room(now):
                self._hand(lane.waiters or lane.leaders, lane)
        while peers.waiters and (roomy := peers.roomiest(now)) is not None:
            self._hand(peers.waiters, roomy)
        for lane in peers.lanes:
            if lane.not_before > now and lane.wake is None and (lane.load or peers.waiters):
                lane.wake = self._loop.call_at(lane.not_before + 1e-3, self._end_of_pause, lane, peers)
        if not any(not lane.out for lane in peers.lanes) and peers.deadline is None:
            causes = {lane.name: lane.out for lane in peers.lanes}
            self._on_pause(str(NoSource(str(peers.model), causes)))
            peers.deadline = self._loop.call_later(self._patience, self._give_up, peers)

    def _freed(self, lane: Lane, peers: Peers) -> None:
        """What `_admit` does, for the one lane that has just become freer."""
        if peers.troubled:
            self._admit(peers)
            return
        now = self._loop.time()
        while (queue := lane.waiters or lane.leaders or peers.waiters) and lane.has_room(now):
            self._hand(queue, lane)

    def _end_of_pause(self, lane: Lane, peers: Peers) -> None:
        lane.wake = None
        lane.not_before = 0.0
        self._admit(peers)

    @staticmethod
    def _hand(queue: Turns, lane: Lane) -> None:
        turn = queue.popleft()
        if not turn.done():
            lane.in_flight += 1
            turn.set_result(lane)

    def _lost(self, lane: Lane, peers: Peers) -> None:
        """A source is out: its own waiters look for another home, and it is probed until it is back."""
        _look_again(lane.waiters)
        _look_again(lane.leaders)
        if not lane.hopeless and not any(task.get_name() == f"probe {lane.name}" for task in self._tasks):
            self._spawn(self._probe(lane, peers), f"probe {lane.name}")

    async def _probe(self, lane: Lane, peers: Peers) -> None:
        """Ask for the model list until it names the model, or there is none to be had; then the source takes
        calls again."""

        async def alive() -> None:
            served = await lane.client.models()
            if served and lane.model.name not in served:
                raise SourceError(Cause.UNKNOWN_MODEL, f"it serves {served}", source=lane.name)

        await asyncio.sleep(lane.probe_delay())
        await until_it_succeeds(alive)
        lane.revive()
        if peers.deadline is not None:
            peers.deadline.cancel()
            peers.deadline = None
            self._on_pause("")
        self._admit(peers)

    def _give_up(self, peers: Peers) -> None:
        peers.deadline = None
        _fail(peers.waiters, NoSource(str(peers.model), {lane.name: lane.out for lane in peers.lanes}))

    async def _watch(self, lane: Lane) -> None:
        """Follow a vLLM's own queue gauges, if it has them; a server that is away may come back with them."""
        while True:
            try:
                queue = await lane.client.queue()
            except SourceError:
                queue = None
            else:
                if queue is None:
                    return
                lane.limit.queue_seen(queue.running, queue.waiting)
            await asyncio.sleep(GAUGE_SECONDS)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str = "") -> None:
        task = self._loop.create_task(work, name=name or None)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fail(turns: Turns, error: NoSource) -> None:
    while turns:
        turn = turns.popleft()
        if not turn.done():
            turn.set_exception(error)


def _look_again(turns: Turns) -> None:
    while turns:
        turn = turns.popleft()
        if not turn.done():
            turn.set_result(None)
