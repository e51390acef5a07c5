"""The same real parts as the integration tests."""

from tests.integration.generator.conftest import service, simulate

__all__ = ["service", "simulate"]
