"""Tests of the built program from outside, and the real servers they talk to."""
