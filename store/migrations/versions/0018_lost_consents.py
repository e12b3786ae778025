"""after a restore: which consents are missing, and what a person has to see to; which settings a version of the program knew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'lost_consent',
        sa.Column('client', sa.String(32), nullable=False),
        sa.Column('consent', sa.String(32), nullable=False),
        sa.Column('seq', sa.Integer(), nullable=False),
        sa.Column('change', sa.String(48), nullable=False),
        sa.Column('lost_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('client', 'consent', name=op.f('pk_lost_consent')),
    )
    op.create_table(
        'known_keys',
        sa.Column('version', sa.String(64), nullable=False),
        sa.Column('listed', sa.Text(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('version', name=op.f('pk_known_keys')),
    )
    op.add_column('restore_fence', sa.Column('unaccounted', sa.String(64), nullable=False, server_default=''))


def downgrade() -> None:
    with op.batch_alter_table('restore_fence') as batch:
        batch.drop_column('unaccounted')
    op.drop_table('known_keys')
    op.drop_table('lost_consent')
