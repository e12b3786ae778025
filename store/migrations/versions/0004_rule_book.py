"""rule books are kept from their first use on, so that old decisions can be made again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'rule_book',
        sa.Column('hash', sa.String(64), nullable=False),
        sa.Column('canonical', sa.LargeBinary(), nullable=False),
        sa.Column('first_used_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('hash', name=op.f('pk_rule_book')),
    )


def downgrade() -> None:
    op.drop_table('rule_book')
