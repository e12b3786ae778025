"""The store: tables, migrations, repositories, and the key envelope at rest."""
