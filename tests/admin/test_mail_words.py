"""The words for mail: there is one for everything that checks and SMTP say, and none for anything else.

What each check finds is compared while the checks are tested (tests/checks/conftest.py).
"""

from __future__ import annotations

from tempmaild.checks import pipeline
from tempmaild.core import mail_log
from tempmaild.core.checking import Checking
from tempmaild.core.mail_log import reason_of
from tempmaild.smtp import replies
from tempmaild_admin import mail_words
from tempmaild_admin.overview import METHODS

CHECKS = set(Checking.__struct_fields__)
OTHER_REASONS = {"defect", "malformed", "other-rules", "too-many-recipients"}
"""That SMTP gives beside errors."""


def test_every_method_has_a_name() -> None:
    of_checks = {method for methods in pipeline._METHODS.values() for method in methods}
    assert METHODS.keys() == of_checks | {"arc"}
    assert pipeline._METHODS.keys() == CHECKS


def test_the_results_are_those_of_the_methods() -> None:
    assert {method for method, _ in mail_words._FOUND} == METHODS.keys()


def test_what_cannot_be_made_is_told() -> None:
    for check in CHECKS:
        for finding in pipeline.not_made(check).findings:
            assert (finding.method, finding.result) in mail_words._FOUND


def test_every_reason_has_a_name() -> None:
    of_errors = {reason_of(error()) for error, _ in replies._ERRORS}
    assert mail_words.WHY.keys() == CHECKS | of_errors | OTHER_REASONS


def test_details_are_kept_of_methods_that_there_are() -> None:
    assert METHODS.keys() >= mail_log._DETAILS.keys() | mail_log._REASONS
