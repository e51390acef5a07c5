"""The coordinator's process: `celery -A services.gateway.worker worker -Q coordinate --pool solo`."""

from __future__ import annotations

from services.gateway.access.keys import Keyring
from services.gateway.access.quotas import with_quotas
from services.gateway.catalogue import Catalogue
from services.gateway.experiments.coordination import Coordinator
from services.gateway.settings import GatewaySettings
from shared.assembly import connect, make_worker
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.operations import OPERATIONS

settings = GatewaySettings()
platform = with_quotas(connect(settings), Keyring(settings.api_keys_file))
coordinator = Coordinator.on(platform, Catalogue.of(settings, OPERATIONS))
app = make_worker(settings, {ExperimentRequest: coordinator.advance}, platform=platform)
