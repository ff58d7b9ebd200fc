"""Admission policies. One file each; importing the package fills ``ADMISSION``."""

from sim.policies.admission import deadline, shed_by_priority, token_bucket
from sim.policies.admission.policy import ADMISSION, AdmissionPolicy, Arrival, Decision

__all__ = ["ADMISSION", "AdmissionPolicy", "Arrival", "Decision", "deadline", "shed_by_priority", "token_bucket"]
