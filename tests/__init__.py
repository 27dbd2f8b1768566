"""Tests of tempmaild; the folders are those of the code."""
