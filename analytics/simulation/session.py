"""One ordinary session: prompts, and for each a walk through a task's chain of tool uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from analytics.simulation.agents import AgentProfile
from analytics.simulation.arguments import arguments, delegate
from analytics.simulation.dice import Dice
from analytics.simulation.people import Person, Project
from analytics.simulation.recorder import NO_DETAILS, PLAIN, Manner, Record, Recorder, ToolUse
from analytics.simulation.stacks import WORDS
from analytics.simulation.stamps import HOUR, MINUTE, SECOND, milliseconds_of
from analytics.simulation.tasks import HELPER_TASK, ROLE_OF, STATES, Chain, Task, chain_of

Family = list[tuple[str, list[Record]]]
"""A session and the sub-agent sessions it started: ids and records, the parent first."""

# Median and sigma of a log-normal, by role: milliseconds from call to result, characters of the result.
_DURATIONS: Final = {
    "shell": (1_700, 1.6), "poll": (20_000, 0.8), "read": (40, 1.4), "edit": (85, 1.3), "write": (100, 1.4),
    "search": (400, 0.6), "find": (500, 0.8), "plan": (15, 1.5), "web": (6_500, 0.7), "ask": (55_000, 1.1),
}  # fmt: skip
_OUTPUTS: Final = {
    "shell": (400, 1.8), "poll": (300, 1.5), "read": (2_600, 1.1), "edit": (120, 0.8), "write": (110, 0.6),
    "search": (400, 1.6), "find": (130, 1.5), "plan": (90, 0.5), "web": (1_600, 1.0), "ask": (200, 0.6),
}  # fmt: skip
_FAILURES: Final = {
    "shell": (1.5, ("exit_code:1",) * 9 + ("exit_code:2", "exit_code:127", "exit_code:128", "timeout")),
    "poll": (0.4, ("exit_code:1",)),
    "read": (0.6, ("tool_use_error:file_not_found", "tool_use_error:too_large", "EISDIR")),
    "edit": (0.9, ("tool_use_error:string_not_found", "tool_use_error:not_read_first",
                   "tool_use_error:multiple_matches")),
    "write": (0.4, ("tool_use_error:not_read_first",)),
    "search": (0.6, ("tool_use_error:path_not_found", "ENOENT")),
    "find": (0.5, ("ENOENT",)),
    "plan": (0.0, ()),
    "web": (1.0, ("http:404", "http:403", "timeout")),
    "ask": (0.0, ()),
}  # fmt: skip
"""By role: how much more often than average it fails, and how."""

_PARALLEL: Final = frozenset(("read", "search", "find", "look"))
_MOST_STEPS: Final = 200
_LONGEST_WAIT: Final = 14 * HOUR


@dataclass(frozen=True)
class SessionPlan:
    """What is settled before a session is written.

    ``children`` are the ids of the sub-agent sessions it will start; ``parent`` is set for a sub-agent's own.
    """

    session_id: str
    person: Person
    agent: AgentProfile
    project: Project
    start_ms: int
    details: bool = True
    children: tuple[str, ...] = ()
    parent: str | None = None


def write_family(plan: SessionPlan, dice: Dice) -> Family:
    """The records of a session and of the sub-agent sessions it starts."""
    work = _Work(plan, dice)
    work.write()
    return [(plan.session_id, work.recorder.records), *work.children]


class _Work:
    """A session on the way: its chain, its luck and the sub-agents it still has to start."""

    def __init__(self, plan: SessionPlan, dice: Dice) -> None:
        self.plan, self.dice = plan, dice
        self.task: Task = HELPER_TASK if plan.parent else plan.person.task(dice)
        self.chain: Chain = chain_of(self.task, plan.person.leanings)
        self.recorder = Recorder(_manner(plan, dice), dice, plan.start_ms)
        self.failing = min(dice.lognormal(0.035, 0.8), 0.3)
        self.parallel = (0.45 if plan.parent else 0.16) * dice.uniform()
        self.limit = dice.between(135_000, 170_000)
        self.waiting = list(plan.children)
        self.children: Family = []

    def write(self) -> None:
        recorder, dice = self.recorder, self.dice
        recorder.emit("session_start", source="subagent" if self.plan.parent else "startup")
        prompts = 1 if self.plan.parent else min(60, max(1, round(dice.lognormal(self.task.prompts, 0.9))))
        if not self.plan.parent and dice.chance(0.06):
            mode = dice.pick(("plan", "acceptEdits", "acceptEdits", "bypassPermissions"))
            recorder.emit("permission_mode_changed", permission_mode=mode)
        for number in range(prompts):
            if number:
                recorder.now_ms += self._person_wait()
            self._prompt()
            if self.waiting and (number == prompts - 1 or dice.chance(0.5)):
                self._delegate(len(self.waiting) if number == prompts - 1 else dice.between(1, 3))
            self._work_on_prompt()
        if not self.plan.parent and dice.chance(0.5):
            recorder.now_ms += dice.between(SECOND, 4 * MINUTE)
            recorder.emit("session_end")

    def _person_wait(self) -> int:
        """How long a person takes for the next prompt; now and then they are gone for hours."""
        if self.dice.chance(0.07):
            return self.dice.between(31 * MINUTE, _LONGEST_WAIT)
        wait = self.dice.lognormal(125 * SECOND * self.plan.person.tempo, 1.5)
        return min(int(wait), _LONGEST_WAIT)

    def _prompt(self) -> None:
        dice, person = self.dice, self.plan.person
        if self.plan.parent:
            self.recorder.emit("user_prompt", prompt_length=int(dice.lognormal(1_000, 0.8)), source="parent_agent")
            return
        fields: dict[str, Any] = {"prompt_length": 5 + int(dice.lognormal(70, 1.2))}
        words = []
        if person.workflow and dice.chance(0.2):
            fields["workflow"] = person.workflow
            words.append(f"/{person.workflow}")
        if person.persona and dice.chance(0.15):
            fields["persona"] = person.persona
            words.append(f"--persona-{person.persona}")
        if words:
            if dice.chance(0.3):
                words.append(dice.pick(("--think", "--think-hard", "--ultrathink")))
            text = " ".join([*words, "the", dice.pick(WORDS), "code"])
            fields["prompt_length"] = len(text)
            if self.plan.details:
                fields["prompt"] = text
        self.recorder.emit("user_prompt", **fields)
        self.recorder.read(fields["prompt_length"])

    def _work_on_prompt(self) -> None:
        """Tool uses until the prompt is answered, or the person interrupts."""
        dice, recorder = self.dice, self.recorder
        steps = min(_MOST_STEPS, max(1, round(dice.lognormal(self.task.steps, 0.95))))
        interrupted = dice.below(steps) if dice.chance(0.03) and not self.plan.parent else -1
        state = dice.pick_from(STATES, self.chain.start)
        done = 0
        while done < steps:
            done += self._step(state)
            if 0 <= interrupted < done:
                recorder.now_ms += dice.between(SECOND, 20 * SECOND)
                recorder.emit("notification", notification_type="interrupted")
                return
            if recorder.context > self.limit:
                recorder.compact("auto")
            state = dice.pick_from(STATES, self.chain.rows[state])
        thinking = self._thinking()
        recorder.now_ms += thinking
        recorder.message(20 + int(dice.lognormal(350, 1.1)))
        recorder.request(thinking)

    def _thinking(self) -> int:
        median = 2_000 if self.plan.parent else 3_800
        return 200 + int(self.dice.lognormal(median, 0.75))

    def _step(self, state: str) -> int:
        """One model reply with one or more tool uses, repeated when it failed; how many uses there were."""
        dice, recorder = self.dice, self.recorder
        thinking = self._thinking()
        if dice.chance(0.0012):
            self._api_trouble()
        if not self.plan.parent and dice.chance(0.42):
            recorder.now_ms += thinking
            recorder.message(20 + int(dice.lognormal(95, 0.9)))
            thinking = dice.between(300, 2_500)
        many = dice.between(2, 4) if state in _PARALLEL and dice.chance(self.parallel) else 1
        uses = [self._use(state) for _ in range(many)]
        recorder.use_tools(self._siblings(uses), thinking)
        failed = next((use for use in uses if use.error), None)
        if failed is None or dice.chance(0.5):
            return many
        retry = self._use(state)
        if dice.chance(0.25):
            retry = replace(retry, tool_input=failed.tool_input)
        recorder.use_tools([retry], self._thinking())
        return many + 1

    def _siblings(self, uses: list[ToolUse]) -> list[ToolUse]:
        """What becomes of parallel calls when one fails: Claude Code cancels the later ones."""
        failed = next((position for position, use in enumerate(uses) if use.error), None)
        if failed is None or self.plan.agent.name != "claude-code":
            return uses
        cancelled = [
            use if use.rejected else replace(use, error="sibling_cancelled", output_chars=40, asked=None)
            for use in uses[failed + 1 :]
        ]
        return [*uses[: failed + 1], *cancelled]

    def _api_trouble(self) -> None:
        error = self.dice.pick(("http:529", "http:529", "rate_limit", "timeout"))
        for attempt in range(1, self.dice.between(2, 4)):
            self.recorder.now_ms += 2_000 * attempt
            self.recorder.emit("api_error", error=error, attempt=attempt, success=False)

    def _use(self, state: str) -> ToolUse:
        dice, plan = self.dice, self.plan
        role = ROLE_OF[state]
        duration = 1 + int(dice.lognormal(*_DURATIONS[role]))
        output = 2 + int(dice.lognormal(*_OUTPUTS[role]))
        factor, errors = _FAILURES[role]
        error = dice.pick(errors) if errors and dice.chance(self.failing * factor) else None
        asked = rejected = None
        if role in ("shell", "edit", "write") and dice.chance(plan.person.caution):
            duration += int(dice.lognormal(8_000, 1.3))
            source = dice.pick(("user_temporary", "user_temporary", "user_permanent"))
            asked, rejected = (None, "user_reject") if dice.chance(0.12) else (source, None)
        return ToolUse(
            tool_name=plan.agent.tools[role],
            tool_input=arguments(state, plan.agent, plan.project, dice),
            duration_ms=min(duration, 20 * MINUTE),
            output_chars=min(output, 60_000),
            error=error,
            asked=asked,
            rejected=rejected,
        )

    def _delegate(self, many: int) -> None:
        """Start sub-agents in parallel; each writes a session of its own and reports when it is done."""
        dice, recorder, tool = self.dice, self.recorder, self.plan.agent.tools["agent"]
        thinking = self._thinking()
        begun = recorder.now_ms + thinking
        uses = []
        for child in [self.waiting.pop() for _ in range(min(many, len(self.waiting)))]:
            helper = replace(self.plan, session_id=child, start_ms=begun + 5, children=(), parent=self.plan.session_id)
            records = write_family(helper, dice)[0][1]
            self.children.append((child, records))
            took = milliseconds_of(records[-1]["timestamp"]) - begun + 10
            kind = dice.pick(("Explore", "Explore", "general-purpose", "code-reviewer"))
            uses.append(
                ToolUse(
                    tool,
                    delegate(kind, dice.pick(WORDS)),
                    duration_ms=took,
                    output_chars=300 + dice.below(9_000),
                    helper={"child_session_id": child, "persona": kind},
                )
            )
        recorder.use_tools(uses, thinking)


def _manner(plan: SessionPlan, dice: Dice) -> Manner:
    agent, person = plan.agent, plan.person
    version = agent.versions[-1] if dice.chance(0.7) else dice.pick(agent.versions)
    base: Record = {
        "session_id": plan.session_id,
        "agent": agent.name,
        "agent_version": version,
        "model": agent.helper_model if plan.parent else _model(person.models[agent.name], agent, dice),
        "user_id": person.user_id,
        "project": plan.project.root,
    }
    if plan.parent:
        base["parent_session_id"] = plan.parent
    return Manner(
        base=base,
        details=PLAIN if plan.details else NO_DETAILS,
        id_prefix=agent.id_prefix,
        request_first=agent.request_first,
        caches=agent.caches,
        prices=agent.prices,
    )


def _model(favourite: str, agent: AgentProfile, dice: Dice) -> str:
    return favourite if dice.chance(0.9) else dice.pick(agent.models)
