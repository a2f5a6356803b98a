# SPDX-License-Identifier: BSD-2-Clause
"""probe - knocks at a socket again and again, in threads, while something happens to the daemon behind it.

    with Prober(daemon.socket) as prober:
        daemon.reload()
    prober.check()      # nobody was refused, nobody was dropped
"""
import threading
import time

from mta import MtaSession
from smfi import Closed, ProtocolError


class Prober:
	"""Negotiates and quits in a loop. `refused`: connect() failed; `lost`: connected, and then dropped; `silent`: no
	answer in time."""

	def __init__(self, where, threads=2, patience=15, pause=0.002):
		self.where, self.patience, self.pause = where, patience, pause
		self.served, self.slowest = 0, 0.0
		self.refused, self.lost, self.silent = [], [], []
		self.stopping = threading.Event()
		self.lock = threading.Lock()
		self.threads = [threading.Thread(target=self._run, daemon=True) for _number in range(threads)]

	def __enter__(self):
		for thread in self.threads:
			thread.start()
		self.wait_served(5)
		return self

	def __exit__(self, *_args):
		self.stop()

	def stop(self):
		"""Stop knocking."""
		self.stopping.set()
		for thread in self.threads:
			thread.join(self.patience + 5)

	def wait_served(self, more):
		"""Wait until so many more knocks were answered."""
		goal, end = self.served + more, time.monotonic() + self.patience + 5
		while self.served < goal and time.monotonic() < end:
			time.sleep(0.005)

	def _run(self):
		while not self.stopping.is_set():
			begin = time.monotonic()
			self._knock()
			with self.lock:
				self.slowest = max(self.slowest, time.monotonic() - begin)
			time.sleep(self.pause)

	def _knock(self):
		try:
			session = MtaSession(self.where, timeout=self.patience)
		except OSError as error:
			self.refused.append(repr(error))
			return
		with session:
			try:
				session.negotiate()
				session.quit()
				with self.lock:
					self.served += 1
			except TimeoutError:
				self.silent.append(f"{self.patience} s")
			except (Closed, ProtocolError, OSError) as error:
				self.lost.append(repr(error))

	def check(self, lost=0):
		"""Nobody was refused or left waiting; at most `lost` were dropped."""
		assert not self.refused, f"{len(self.refused)} of {self.served} refused: {self.refused[:2]}"
		assert not self.silent, f"{len(self.silent)} of {self.served} not answered"
		assert len(self.lost) <= lost, f"{len(self.lost)} of {self.served} dropped: {self.lost[:2]}"
