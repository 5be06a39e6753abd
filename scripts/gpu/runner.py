"""Runs steps: each with a time limit and a log of its own, all within one limit; the outcome is one JSON file."""
import json
import os
import signal
import subprocess
import time

from machine import ROOT, is_program

TAIL = 1500  # characters of a failed step's log that are repeated


class Runner:
    """Outcomes by step. A status begins with passed, failed, not available or not run."""

    def __init__(self, facts, target, build, logs, path, date, limit_s):
        self.facts, self.target, self.build, self.logs, self.path = facts, target, build, logs, path
        self.date, self.ends = date, time.monotonic() + limit_s
        self.outcomes = {}

    def program(self, name):
        """Of this target, such as golden."""
        return os.path.join(self.build, f'lpreg_{name}_{self.target.suffix}')

    def library(self):
        return os.path.join(self.build, self.target.library)

    def left_s(self):
        return max(self.ends - time.monotonic(), 0)

    def record(self, step, status, **details):
        """Also writes the file, so that what is known survives whatever ends this process."""
        self.outcomes[step] = {'status': status, **details}
        print(f'{step:26} {status}', flush=True)
        with open(self.path, 'w') as file:
            json.dump({'date': self.date, **self.facts, 'steps': self.outcomes}, file, indent=1)
            file.write('\n')

    def missing(self, step, what):
        self.record(step, f'not available: {what}')

    def needs(self, step, *programs, device=True):
        """True when all of it is there and time is left; otherwise says of the step what is missing."""
        for program in programs:
            if not is_program(program):
                self.missing(step, os.path.basename(program))
                return False
        if device and not self.facts['devices']:
            self.missing(step, 'a device')
            return False
        if self.left_s() < 1:
            self.record(step, 'not run: out of time')
            return False
        return True

    def run(self, step, limit_s, *commands, environment=None):
        """Runs the commands in turn until one fails, into one log. Returns the log's text."""
        log_path = os.path.join(self.logs, f'{step}.log')
        limit_s = min(limit_s, self.left_s())
        began, status = time.monotonic(), 'passed'
        with open(log_path, 'w') as log:
            for command in commands:
                try:
                    status = _run_one(command, log, began + limit_s, {**os.environ, **(environment or {})})
                except (KeyboardInterrupt, SystemExit):
                    self.record(step, 'failed: interrupted')
                    raise
                if status != 'passed':
                    break
        seconds = round(time.monotonic() - began, 1)
        with open(log_path, errors='replace') as log:
            text = log.read()
        # What a log ends with is often all that comes back from a machine that is lent.
        tail = {'tail': text[-TAIL:]} if status.startswith('failed') else {}
        self.record(step, status, seconds=seconds, limit_s=round(limit_s), log=os.path.relpath(log_path, ROOT), **tail)
        if tail:
            print(text[-TAIL:], flush=True)
        return text

    def amend(self, step, status=None, **details):
        """Adds to a step that has run; `status` takes the place of passed only."""
        outcome = dict(self.outcomes[step])
        was = outcome.pop('status')
        self.record(step, status if status and was == 'passed' else was, **outcome, **details)

    def succeeded(self, essential):
        """Nothing failed, and what proves something has passed."""
        statuses = {step: outcome['status'] for step, outcome in self.outcomes.items()}
        failed = [step for step, status in statuses.items() if status.startswith('failed')]
        unproved = [step for step in essential if statuses.get(step, 'passed') != 'passed']
        return not failed and not unproved


def _end(process):
    """With all that it has started, whether it has ended itself or not."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _run_one(command, log, ends, environment):
    log.write(f'$ {" ".join(command)}\n')
    log.flush()
    try:
        # A session of its own, so that whatever it started ends with it.
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, env=environment,
                                   start_new_session=True)
    except OSError as error:
        return f'failed: {error}'
    try:
        code = process.wait(timeout=max(ends - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        return 'failed: out of its time limit'
    finally:
        _end(process)
    return 'passed' if code == 0 else f'failed: exit status {code}'
