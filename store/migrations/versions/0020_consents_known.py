"""how long a client's consent history was when a decision was made, so that what came meanwhile is asked about again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0009b'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('decision', sa.Column('consents_known', sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column('decision', 'consents_known')
