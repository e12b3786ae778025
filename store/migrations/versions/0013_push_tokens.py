"""what senders prove themselves with when they push."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0014'
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        'feed_token',
        sa.Column('token_hash', sa.String(64), nullable=False),
        sa.Column('feed', sa.String(64), nullable=False),
        sa.Column('made_at', WHEN, nullable=False),
        sa.Column('until', WHEN, nullable=True),
        sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_feed_token')),
    )
    op.create_index('ix_feed_token_feed', 'feed_token', ['feed'])


def downgrade() -> None:
    op.drop_table('feed_token')
