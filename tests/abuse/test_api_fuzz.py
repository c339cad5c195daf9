"""The API against requests made from its own OpenAPI document, valid and invalid: schemathesis judges the answers.

Whatever is sent, no answer is an error of ours, each has a documented status and the documented shape, and what the
document forbids is refused.
"""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import allow_header_conformance

from exporter.web.access import Access
from exporter.web.rate_limit import Rate
from tests.exporter.web.deployment import SNAPSHOT, House, create_app

FEW, MANY = 25, 1500
BY_DESIGN = [allow_header_conformance]
"""An id may end in /verdict, so that GET is served where the document lists POST alone."""


def _schema():
    house = House(access=Access(rate=Rate(0.0, 1)))
    house.publisher.publish(SNAPSHOT)
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(house.services()))


SCHEMA = _schema()


@SCHEMA.parametrize()
@settings(max_examples=FEW, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_few_requests_are_answered_as_documented(case):
    case.call_and_validate(excluded_checks=BY_DESIGN)


@pytest.mark.slow
@pytest.mark.skipif("SIGYN_SLOW" not in os.environ, reason="slow; set SIGYN_SLOW=1")
@SCHEMA.parametrize()
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
def test_many_requests_are_answered_as_documented(case):
    case.call_and_validate(excluded_checks=BY_DESIGN)
