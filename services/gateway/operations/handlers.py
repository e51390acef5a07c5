"""Every operation of this service, by the class of its request."""

from __future__ import annotations

from services.gateway.catalogue import Catalogue
from services.gateway.experiments.coordination import Coordinator
from services.gateway.settings import GatewaySettings
from shared.assembly import Platform
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.operations import OPERATIONS
from shared.jobs.running import Handlers


def handlers(settings: GatewaySettings, platform: Platform) -> Handlers:
    """What a worker does with each request; a handler takes (request, workspace)."""
    coordinator = Coordinator.on(platform, Catalogue.of(settings, OPERATIONS), settings)
    return {ExperimentRequest: coordinator.advance}
