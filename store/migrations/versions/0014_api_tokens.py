"""tokens for scripts: hashed, of one role of one account, with an end; and an index for each thing that a page counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0007'
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
INDEXES = (
    ('delivery', ('feed', 'received_at')),
    ('delivery', ('received_at',)),
    ('quarantine', ('state', 'at')),
    ('client', ('retired_at', 'org')),
    ('link', ('verdict',)),
    ('decision', ('decision',)),
    ('review', ('state', 'decided_at')),
    ('acknowledgement', ('verdict', 'at')),
    ('alert', ('link',)),
    ('alert', ('state', 'created_at')),
)
"""What the pages of the console count and list."""


def upgrade() -> None:
    op.create_table(
        'api_token',
        sa.Column('ref', sa.String(32), nullable=False),
        sa.Column('token_hash', sa.String(64), nullable=False),
        sa.Column('account', sa.String(32), nullable=False),
        sa.Column('role', sa.String(48), nullable=False),
        sa.Column('label', sa.String(64), nullable=False),
        sa.Column('made_at', WHEN, nullable=False),
        sa.Column('expires_at', WHEN, nullable=False),
        sa.Column('used_at', WHEN, nullable=True),
        sa.Column('revoked_at', WHEN, nullable=True),
        sa.ForeignKeyConstraint(['account'], ['account.id'], name=op.f('fk_api_token_account_account')),
        sa.PrimaryKeyConstraint('ref', name=op.f('pk_api_token')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_api_token_token_hash')),
    )
    op.create_index('ix_api_token_account', 'api_token', ['account'])
    for table, columns in INDEXES:
        op.create_index('_'.join(('ix', table, *columns)), table, list(columns))


def downgrade() -> None:
    for table, columns in reversed(INDEXES):
        op.drop_index('_'.join(('ix', table, *columns)), table)
    op.drop_table('api_token')
