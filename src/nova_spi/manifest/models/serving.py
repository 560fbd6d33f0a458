"""How a deployed model is served, scaled, watched and governed: ``operations``, ``governance``, ``pipeline``.

These are the fields of ModelSpec's ``spec.operations``, ``spec.governance`` and ``spec.pipeline`` in snake_case.
"""

from typing import Literal

from pydantic import Field

from nova_spi.manifest.models.fields import AtLeastOne, Count, Many, NotNegative, Port
from nova_spi.manifest.models.record import Record


class Probe(Record):
    """A question over HTTP."""

    path: str | None = Field(None, description="The path to ask.")
    timeout_seconds: Count | None = Field(None, description="Seconds until it has failed.")


class Serving(Record):
    """How calls come in."""

    protocol: Literal["http", "grpc"] | None = Field(None, description="http or grpc.")
    port: Port | None = Field(None, description="The port that serves.")
    readiness_probe: Probe | None = Field(None, description="Whether it takes calls.")
    liveness_probe: Probe | None = Field(None, description="Whether it lives.")
    max_concurrency: AtLeastOne | None = Field(None, description="Calls at once.")
    timeout_seconds: Count | None = Field(None, description="Seconds until a call has failed.")


class WarmPool(Record):
    """Replicas that are kept ready."""

    size: Count | None = Field(None, description="How many.")
    strategy: str | None = Field(None, description="How they are kept.")


class Scaling(Record):
    """How many replicas run."""

    min_replicas: Count | None = Field(None, description="At least so many.")
    max_replicas: Count | None = Field(None, description="At most so many.")
    strategy: Literal["reactive", "predictive", "manual"] | None = Field(None, description="What moves the number.")
    target_latency_ms_p95: NotNegative | None = Field(
        None, description="95 % of calls are done in so many milliseconds."
    )
    target_rps: NotNegative | None = Field(None, description="Calls a second, per replica.")
    warm_pool: WarmPool | None = Field(None, description="Replicas that are kept ready.")


class Metrics(Record):
    """Figures of the running model."""

    enabled: bool | None = Field(None, description="Whether there are any.")
    provider: str | None = Field(None, description="Who collects them, as in prometheus.")
    port: Port | None = Field(None, description="The port that shows them.")


class Logging(Record):
    """The log of the running model."""

    level: str | None = Field(None, description="The least level that is kept.")


class Tracing(Record):
    """Traces of calls."""

    enabled: bool | None = Field(None, description="Whether there are any.")


class Observability(Record):
    """What can be seen of the running model."""

    metrics: Metrics | None = Field(None, description="Figures.")
    logging: Logging | None = Field(None, description="The log.")
    tracing: Tracing | None = Field(None, description="Traces.")


class Operations(Record):
    """How the model is served, scaled and watched."""

    serving: Serving | None = Field(None, description="How calls come in.")
    scaling: Scaling | None = Field(None, description="How many replicas run.")
    observability: Observability | None = Field(None, description="What can be seen.")


class Pii(Record):
    """Personal data."""

    allowed: bool | None = Field(None, description="Whether calls may hold any.")
    policy: str | None = Field(None, description="What is done with it.")


class Retention(Record):
    """How long things are kept; 0 keeps nothing."""

    logs_days: Count | None = Field(None, description="Days that logs are kept.")
    artifacts_days: Count | None = Field(None, description="Days that artifacts are kept.")


class Approval(Record):
    """Who answers for it."""

    change_approval: str | None = Field(None, description="How a change is approved.")
    owner: str | None = Field(None, description="Who owns it.")


class Compliance(Record):
    """The rules it follows."""

    pii: Pii | None = Field(None, description="Personal data.")
    retention: Retention | None = Field(None, description="How long things are kept.")
    governance: Approval | None = Field(None, description="Who answers for it.")


class PricingHints(Record):
    """Where it runs, for its price."""

    cloud_provider: str | None = Field(None, description="The provider.")
    instance_type: str | None = Field(None, description="The kind of machine.")
    spot_allowed: bool | None = Field(None, description="Whether a machine may be taken away.")


class Cost(Record):
    """What it may cost."""

    target_cost_per_1k_tokens_usd: NotNegative | None = Field(None, description="US dollars for 1,000 tokens.")
    pricing_hints: PricingHints | None = Field(None, description="Where it runs.")


class Governance(Record):
    """PII, retention, ownership, cost."""

    compliance: Compliance | None = Field(None, description="The rules it follows.")
    cost: Cost | None = Field(None, description="What it may cost.")


class Step(Record):
    """One step before or after the model."""

    name: str = Field(description="Its name.")
    type: str = Field(description="What it does.")
    enabled: bool | None = Field(None, description="Whether it is done.")


class Steps(Record):
    """Steps in their order."""

    steps: Many[Step] = Field((), description="The steps.")


class DependencyInterface(Record):
    """What a dependency takes and gives."""

    input_type: str | None = Field(None, description="What it takes.")
    output_type: str | None = Field(None, description="What it gives.")
    max_latency_ms: NotNegative | None = Field(None, description="The longest it may take, in milliseconds.")


class Dependency(Record):
    """Another model or service that this one needs."""

    id: str = Field(description="Its name.")
    role: Literal["input", "guardrail", "reranker", "postprocess", "custom"] = Field(description="What it is for.")
    spec_ref: str | None = Field(None, description="Its own specification.")
    required: bool = Field(True, description="Nothing works without it.")
    interface: DependencyInterface | None = Field(None, description="What it takes and gives.")


class Pipeline(Record):
    """What stands around the model."""

    preprocess: Steps | None = Field(None, description="Steps before it.")
    postprocess: Steps | None = Field(None, description="Steps after it.")
    dependencies: Many[Dependency] = Field((), description="What it needs beside it.")
