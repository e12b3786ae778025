"""Where a master key can be kept besides a file: a systemd credential, HashiCorp Vault, AWS KMS, a PKCS#11 token.

The last three never give the master key away: they hold a key of their own that wraps it. The wrapped master key lies in a file
(`keys.master` of the settings) that is worthless without the service.
"""

from store.key_providers.wrapped import KeyServiceAway, WrappedKeyProvider, Wrapper, write_wrapped

__all__ = ["KeyServiceAway", "WrappedKeyProvider", "Wrapper", "write_wrapped"]
