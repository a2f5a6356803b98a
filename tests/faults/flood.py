# SPDX-License-Identifier: BSD-2-Clause
"""flood - what a flood is measured with: a bystander in a process of its own, who sends a message every few milliseconds
and looks at the worker's memory and threads, while the test floods.

    with Bystander(daemon) as bystander:
        flood()
    print(bystander.words(), bystander.peak_kb, bystander.threads)
"""
import multiprocessing
import time

from faultlab import latencies, percentile, status_of
from daemon import resident_kb

PAUSE_S = 0.005
QUIET_S = 1.5
HEADERS = [("From", " Alice <alice@example.net>"), ("Date", " Fri, 20 Nov 2026 10:00:00 +0000"), ("Subject", " a test"),
           ("Message-ID", " <1@example.net>")]


def one_message(daemon, address):
	"""A whole message in a session of its own; how long it took."""
	begin = time.monotonic()
	with daemon.session(timeout=60) as session:
		session.start("named.example.net", address, "named.example.net")
		delivered = session.message(headers=HEADERS)
		if not delivered.accepted:
			raise AssertionError(f"the bystander's message was refused: {delivered.reply}")
		session.quit()
	return time.monotonic() - begin


def _stand_by(daemon, address, worker, stopping, pipe):
	took, peak_kb, threads, wrong = [], 0, 0, ""
	try:
		while not stopping.is_set():
			took.append(one_message(daemon, address))
			peak_kb = max(peak_kb, resident_kb(worker))
			threads = max(threads, status_of(worker, "Threads"))
			time.sleep(PAUSE_S)
	except Exception as error:  # told to the test
		wrong = f"{type(error).__name__}: {error}"
	pipe.send((took, peak_kb, threads, wrong))


class Bystander:
	"""First alone for a moment, then beside what happens inside `with`."""

	def __init__(self, daemon, address="203.0.113.78"):
		self.daemon, self.address, self.worker = daemon, address, daemon.worker()
		self.quiet_s = self.flood_s = ()
		self.first_kb = self.peak_kb = self.threads = 0

	def _start(self):
		self.stopping, (self.pipe, theirs) = multiprocessing.Event(), multiprocessing.Pipe(False)
		self.process = multiprocessing.Process(target=_stand_by,
		                                       args=(self.daemon, self.address, self.worker, self.stopping, theirs))
		self.process.start()

	def _stop(self):
		self.stopping.set()
		took, peak_kb, threads, wrong = self.pipe.recv() if self.pipe.poll(90) else ((), 0, 0, "the bystander hangs")
		self.process.join(10)
		if self.process.is_alive():
			self.process.kill()
		assert not wrong, wrong
		assert self.daemon.workers() == [self.worker], "the worker died"
		return took, peak_kb, threads

	def __enter__(self):
		self._start()
		time.sleep(QUIET_S)
		self.quiet_s, _peak, _threads = self._stop()
		self.first_kb = resident_kb(self.worker)
		self._start()
		return self

	def __exit__(self, kind, *_args):
		if kind is not None:
			self.process.kill()
			return
		self.flood_s, self.peak_kb, self.threads = self._stop()
		self.peak_kb = max(self.peak_kb, resident_kb(self.worker))

	@property
	def grown_kb(self):
		"""How much more memory the worker had than before, at its highest."""
		return self.peak_kb - self.first_kb

	@property
	def p99_s(self):
		"""Of the others' messages, beside the flood."""
		return percentile(self.flood_s, 0.99)

	def words(self):
		"""What there is to tell."""
		return (f"{self.threads} threads, memory {self.first_kb} kB and {self.grown_kb} kB more; others' messages alone "
		        f"{latencies(self.quiet_s)}, beside it {latencies(self.flood_s)}")
