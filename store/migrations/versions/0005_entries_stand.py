"""the database itself refuses to change or remove an entry of the audit log.

This stops mistakes and whoever may write rows but not the schema. Whoever owns the database can drop a trigger; that is
what the checkpoints outside are for.
"""

from __future__ import annotations

from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

WORDS = 'an entry of the audit log stands as it was written'


def upgrade() -> None:
    for statement in SQLITE if op.get_bind().dialect.name == 'sqlite' else POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        for event in ('update', 'delete', 'replace'):
            op.execute(f'DROP TRIGGER audit_leaf_no_{event}')
    else:
        op.execute('DROP TRIGGER audit_leaf_no_change ON audit_leaf')
        op.execute('DROP TRIGGER audit_leaf_no_truncate ON audit_leaf')
        op.execute('DROP FUNCTION audit_leaf_stands()')


SQLITE = (
    f"CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE ON audit_leaf BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
    f"CREATE TRIGGER audit_leaf_no_delete BEFORE DELETE ON audit_leaf BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
    # INSERT OR REPLACE removes the old row without a delete trigger
    'CREATE TRIGGER audit_leaf_no_replace BEFORE INSERT ON audit_leaf'
    ' WHEN EXISTS (SELECT 1 FROM audit_leaf WHERE position = NEW.position)'
    f" BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
)

POSTGRESQL = (
    'CREATE FUNCTION audit_leaf_stands() RETURNS trigger LANGUAGE plpgsql AS'
    f" $$ BEGIN RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
    'CREATE TRIGGER audit_leaf_no_change BEFORE UPDATE OR DELETE ON audit_leaf'
    ' FOR EACH ROW EXECUTE FUNCTION audit_leaf_stands()',
    'CREATE TRIGGER audit_leaf_no_truncate BEFORE TRUNCATE ON audit_leaf'
    ' FOR EACH STATEMENT EXECUTE FUNCTION audit_leaf_stands()',
)
