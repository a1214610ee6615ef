"""Live: progress in time. Ready: every condition holds."""

from __future__ import annotations

from engine.observe.health import Health


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_part_that_beats_in_time_is_alive() -> None:
    """Each part has a bound of its own, counted from its last beat."""
    clock = Clock()
    health = Health(clock)
    health.watch("loop", within=5)
    health.watch("consumer", within=30)
    clock.now += 6
    health.beat("loop")
    assert (True, {"silent_s": 6.0, "within_s": 30}) == (health.live()[0], health.live()[1]["parts"]["consumer"])


def test_a_silent_part_is_named() -> None:
    """One silent part is enough, and the answer says which and for how long."""
    clock = Clock()
    health = Health(clock)
    health.watch("loop", within=5)
    health.watch("consumer", within=30)
    clock.now += 6
    ok, said = health.live()
    assert not ok
    assert {"live": False, "parts": {
        "loop": {"silent_s": 6.0, "within_s": 5}, "consumer": {"silent_s": 6.0, "within_s": 30},
    }} == said  # fmt: skip


def test_a_beat_makes_it_alive_again() -> None:
    """A long pause that ended is over."""
    clock = Clock()
    health = Health(clock)
    health.watch("loop", within=5)
    clock.now += 60
    health.beat("loop")
    assert health.live()[0]


def test_nothing_is_ready_before_it_said_so() -> None:
    """The named conditions are unmet until they are stated."""
    assert (False, {"ready": False, "reasons": {"broker": "not yet", "rules": "not yet"}}) == Health(Clock()).ready()


def test_ready_when_every_condition_holds() -> None:
    """A condition that nobody stated unmet does not count."""
    health = Health(Clock())
    health.set_ready("broker", True)
    health.set_ready("rules", True)
    health.set_ready("outage", True)
    assert (True, {"ready": True, "reasons": {}}) == health.ready()


def test_an_unmet_condition_says_why() -> None:
    """Reasons are served as they were given, and go when the condition holds again."""
    health = Health(Clock(), conditions=())
    health.set_ready("outage", False, "the API does not answer")
    assert (False, {"outage": "the API does not answer"}) == (health.ready()[0], health.ready()[1]["reasons"])
    health.set_ready("outage", True)
    assert health.ready()[0]
