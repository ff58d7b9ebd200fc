"""Cache policies. One file each; importing the package fills ``CACHES``."""

from sim.policies.cache import clock, fifo, lfu, lru, random_replacement
from sim.policies.cache.policy import CACHES, CachePolicy, Key
from sim.policies.cache.store import ResultCache

__all__ = ["CACHES", "CachePolicy", "Key", "ResultCache", "clock", "fifo", "lfu", "lru", "random_replacement"]
