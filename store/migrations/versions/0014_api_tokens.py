"""tokens for scripts: hashed, of one role of one account, with an end; alerts by link and by state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0007'
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)


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
    op.create_index('ix_alert_link', 'alert', ['link'])
    op.create_index('ix_alert_state_created_at', 'alert', ['state', 'created_at'])


def downgrade() -> None:
    op.drop_index('ix_alert_state_created_at', 'alert')
    op.drop_index('ix_alert_link', 'alert')
    op.drop_table('api_token')
