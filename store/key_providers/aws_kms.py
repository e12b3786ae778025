"""AWS KMS wraps the master key. Needs the extra `aws` (botocore)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from config.errors import ConfigError, KeyUnavailable
from store.key_providers.wrapped import CONTEXT, KeyServiceAway


@dataclass(frozen=True, slots=True)
class AwsKms:
    """`key` is the id, ARN or alias of a symmetric KMS key. Credentials come from botocore's own chain (role, profile)."""

    key: str
    region: str
    endpoint: str | None = None

    @property
    def name(self) -> str:
        return "aws-kms"

    def wrap(self, secret: bytes) -> str:
        reply = self._call("encrypt", KeyId=self.key, Plaintext=secret, EncryptionContext={"purpose": CONTEXT})
        return b64encode(reply["CiphertextBlob"]).decode()

    def unwrap(self, wrapped: str) -> bytes:
        try:
            blob = b64decode(wrapped, validate=True)
        except ValueError:
            raise KeyUnavailable("the wrapped master key is not base64") from None
        secret: bytes = self._call(
            "decrypt", KeyId=self.key, CiphertextBlob=blob, EncryptionContext={"purpose": CONTEXT}
        )["Plaintext"]
        return secret

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            from botocore.exceptions import BotoCoreError, ClientError
            from botocore.session import get_session
        except ImportError as fault:
            raise ConfigError("keys.provider = 'aws-kms' needs botocore: install warmlink[aws]") from fault
        try:
            client = get_session().create_client("kms", region_name=self.region, endpoint_url=self.endpoint)
            reply: dict[str, Any] = getattr(client, operation)(**arguments)
        except ClientError as fault:
            code = str(fault.response.get("Error", {}).get("Code", "refused"))
            if code in {"ThrottlingException", "KMSInternalException", "DependencyTimeoutException"}:
                raise KeyServiceAway(f"AWS KMS: {code}") from None
            raise KeyUnavailable(f"AWS KMS refused to {operation}: {code}") from None
        except BotoCoreError as fault:
            raise KeyServiceAway(f"AWS KMS does not answer ({type(fault).__name__})") from None
        return reply
