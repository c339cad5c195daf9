"""Where misbehaviour happens: a session up to the splice, and the pen to write what is done there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analytics.simulation.agents import AgentProfile, profile_of
from analytics.simulation.arguments import ToolInput, arguments, fetch, file_access, lookup, shell
from analytics.simulation.deeds import HOSTS, Deed
from analytics.simulation.dice import Dice
from analytics.simulation.people import Project
from analytics.simulation.recorder import NO_DETAILS, Record, Recorder, ToolUse
from analytics.simulation.stacks import WORDS
from analytics.simulation.tasks import ROLE_OF
from analytics.simulation.vocabulary import Vocabulary

_COVER: Final = ("look", "test", "read", "read", "edit", "search")
PACE: Final = {
    "shell": (1_500, 1.2, 500), "poll": (25_000, 0.4, 20), "read": (40, 1.2, 1_500), "edit": (90, 1.0, 120),
    "write": (110, 1.0, 110), "search": (450, 0.6, 900), "find": (450, 0.6, 200), "web": (6_000, 0.6, 2_500),
    "agent": (60_000, 0.6, 2_000),
}  # fmt: skip
"""By role: median and sigma of milliseconds from call to result, median characters of the result."""


@dataclass(frozen=True, slots=True)
class Dose:
    """How much of a misbehaviour.

    Attributes:
        least, most: bounds of the number of bad acts.
        deeds: what is done, where deeds have words.
        cover: probability of an ordinary tool use after each act, as camouflage.
        from_start: whether it fills the session from its beginning.
        takes_over: whether nothing of the session follows it.
    """

    least: int
    most: int
    deeds: tuple[Deed, ...] = ()
    cover: float = 0.0
    from_start: bool = False
    takes_over: bool = False


@dataclass
class Scene:
    """A session at the point where it goes wrong.

    Attributes:
        past: the session's records up to that point, in time order.
        recorder: writes what happens from here on, in the session's own manner.
        vocabulary: the session's tools.
        project: where it works.
        tempo_ms: its usual time from a result to the next call.
        dose: how much happens.
        donor: records of another session, whose behaviour may be borrowed.
    """

    past: Sequence[Record]
    recorder: Recorder
    vocabulary: Vocabulary
    project: Project
    tempo_ms: float
    dose: Dose
    donor: Sequence[Record]

    @property
    def dice(self) -> Dice:
        """The scene's randomness."""
        return self.recorder.dice

    @property
    def agent(self) -> AgentProfile:
        """The profile whose form of arguments this session uses."""
        return profile_of(self.recorder.manner.base.get("agent"))

    def acts(self) -> int:
        """How many bad acts the dose asks for, drawn within its bounds."""
        return self.dice.between(self.dose.least, self.dose.most)

    def thinking(self) -> int:
        """Milliseconds before the next call at the session's own tempo."""
        return 100 + int(self.dice.lognormal(self.tempo_ms, 0.5))

    def use(self, role: str, tool_input: ToolInput, error: str | None = None, rejected: str | None = None) -> None:
        """One tool use of that role at the session's tempo."""
        duration, sigma, output = PACE[role]
        self.play(
            ToolUse(
                tool_name=self.vocabulary.tool(role),
                tool_input=tool_input,
                duration_ms=1 + int(self.dice.lognormal(duration, sigma)),
                output_chars=int(self.dice.lognormal(output, 0.8)),
                error=error,
                rejected=rejected,
            )
        )

    def play(self, use: ToolUse) -> None:
        """One prepared tool use at the session's tempo."""
        self.recorder.use_tools([use], self.thinking())

    def perform(self, deed: Deed, error: str | None = None, rejected: str | None = None) -> None:
        """One deed."""
        self.use(deed.role, self.tool_input(deed), error, rejected)

    def perform_some(self, deeds: Sequence[Deed], acts: int) -> None:
        """That many of the deeds in random order, again from the start when they run out, under the dose's cover."""
        order = self.dice.sample(deeds, len(deeds))
        for number in range(acts):
            self.perform(order[number % len(order)])
            if self.dice.chance(self.dose.cover):
                self.ordinary()

    def tool_input(self, deed: Deed) -> ToolInput:
        """A deed as arguments in the agent's form."""
        text = self.filled(deed.text)
        if deed.role == "shell":
            return shell(self.agent, text, self.project.root)
        if deed.role == "web":
            return fetch(self.agent, text)
        if deed.role == "search":
            return lookup("search", self.agent, text, self.dice.pick(WORDS))
        tool_input = file_access(deed.role, self.agent, text, self.dice)
        return {name: value for name, value in tool_input.items() if name not in ("offset", "limit")}

    def filled(self, template: str) -> str:
        """A template with this session's home, root and files, and invented names."""
        return template.format(
            home=self.home,
            root=self.project.root,
            file=self.dice.pick(self.project.files),
            host=self.dice.pick(HOSTS),
            word=self.dice.pick(WORDS),
            n=self.dice.between(100, 9_999),
        )

    @property
    def home(self) -> str:
        """The user's home folder: above the project where its path says so, else ``~``."""
        parts = self.project.root.split("/")
        return "/".join(parts[:3]) if len(parts) > 3 and parts[1] in ("home", "Users") else "~"

    def ordinary(self) -> None:
        """One ordinary tool use."""
        state = self.dice.pick(_COVER)
        role = ROLE_OF[state]
        self.use(role, arguments(state, self.agent, self.project, self.dice))

    def earlier_use(self, role: str) -> ToolUse:
        """A call the session has made before, to be made again; where it made none, an ordinary one."""
        calls = [record for record in self.past if record["event"] == self._carrier and record.get("tool_name")]
        duration, sigma, output = PACE[role]
        took, found = 1 + int(self.dice.lognormal(duration, sigma)), 2 + int(self.dice.lognormal(output, 0.8))
        if calls:
            call = self.dice.pick(calls[-30:])
            given, size = call.get("tool_input"), call.get("tool_input_chars")
            if given is not None or self.recorder.manner.details == NO_DETAILS:
                chars = size if isinstance(size, int) else 40
                return ToolUse(call["tool_name"], given or {}, took, found, given=True, input_chars=chars)
        tool_input = shell(self.agent, "make check", self.project.root)
        return ToolUse(self.vocabulary.tool(role), tool_input, took, found)

    @property
    def _carrier(self) -> str:
        """The event that carries a use's arguments in this session."""
        return "tool_call" if self.recorder.manner.calls else "tool_result"
